-- The metrics that the tables show: name, order, title, short name, and what one item is.
SELECT metric, place, title, short, item
FROM (
    VALUES
        ('image_accuracy', 1, 'Image-level accuracy', 'ILA', 'image'),
        ('patient_accuracy', 2, 'Patient-level accuracy', 'PLA', 'patient'),
        ('patch_accuracy', 3, 'Patch-level accuracy', 'patch', 'patch')
) AS shown (metric, place, title, short, item)
ORDER BY place
