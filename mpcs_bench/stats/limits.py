"""What a statistic must not be asked, with the simulated rates that say why.

Rates are of false alarms at 0.05 where there is no difference, unless said otherwise. They are
those of docs/statistics.md, and the slow tests beside `tests/stats` simulate them anew.
"""

from __future__ import annotations

SEEDS_AS_FOLDS = (
    "methods, where several seeds of one split are counted as values: five folds with three and "
    "five seeds raise 0.14 and 0.17 false alarms; average the seeds first"
)
NAIVE_FOLDS = (
    "methods: folds share training data; five folds raise 0.14 false alarms at 80/20 and 0.32 at "
    "20/20"
)
FOLDS_SHARE_TRAINING = (
    "methods, where folds share training data: ten folds at 90/10 raise 0.15 false alarms"
)
PATIENTS_SHARE_MODELS = (
    "methods: the patients of a fold share its models; training noise of 1, 2 and 3 points where "
    "patients spread by 6 raises 0.10, 0.22 and 0.34 false alarms"
)
NO_NEW_TRAINING = (
    "methods: no new training is drawn; training noise of 3 points raises 0.15 false alarms with "
    "patients drawn, 0.33 with images"
)
IMAGES_ERR_TOGETHER = (
    "methods: items tested by one model err together; real cross-validations raise 0.54 false "
    "alarms"
)
IMAGES_OF_PATIENTS = (
    "new patients, where a patient has several items: 80 patients with 5 to 59 images raise 0.35 "
    "false alarms"
)
IMAGES_DRAWN = (
    "new patients, where a patient has several images: drawing images of 80 patients with 5 to 30 "
    "raises 0.17 false alarms"
)
PROPORTION_OF_IMAGES = (
    "new patients, where a patient has several items: with 5 to 30 images of 80 patients a 95 % "
    "interval holds the truth in 0.67"
)
RANKS_OF_FOLDS = (
    "methods, beyond description: five folds correlated by 0.2 raise 0.18 false alarms, five folds "
    "at four magnifications taken as 20 blocks 0.42"
)
PUBLISHED_ON_OTHER_DATA = (
    "a published mean on other data, without the ratios of both sides: a difference as large as "
    "the margin passes in 0.12"
)
GAP_ON_OTHER_DATA = "a published mean on other data: z takes both sides to split the same data"
"""No rate of its own: its interval is that of `PUBLISHED_ON_OTHER_DATA`."""
