"""The control: how far colour alone goes. Ridge regression on the mean and deviation of RGB.

A network that does not beat this row may have learned the stain and not the tissue.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mpcs_bench.data.frames import Frames
from mpcs_bench.stages.attempt import Attempt
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob, StageOutput
from mpcs_bench.stages.metrics import metric_rows
from mpcs_bench.stages.parts import task_rows
from mpcs_bench.stages.predict import PredictionRecorder

Float64 = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def colour_floor(job: StageJob, inputs: StageInputs, attempt: Attempt) -> StageOutput:
    """Fit ridge on six colour statistics of the training images, and predict every test image.

    Of a binary data set the logits are 0 and the ridge's decision, so that threshold 0.5 is the
    ridge's own. Raises DataError where a part or a class is empty.
    """
    dataset = inputs.index.dataset
    rows = task_rows(job.spec, inputs.index, inputs.split, job.group_column)
    balanced = "balanced" if job.spec["class_weights"] == "balanced" else None
    model = make_pipeline(StandardScaler(), RidgeClassifier(class_weight=balanced))
    labels = inputs.index.number("label_index")
    model.fit(_statistics(inputs.images, rows.train), labels[rows.train])
    binary = len(dataset.classes) == 2
    output = StageOutput(notes={"images": rows.counts()})
    threshold = float(job.spec["threshold"]) if binary else None
    recorder = PredictionRecorder(inputs.index, job.group_column, threshold)
    for part, chosen in (("validation", rows.validation), ("test", rows.test)):
        if len(chosen):
            decision = np.asarray(model.decision_function(_statistics(inputs.images, chosen)))
            logits = np.stack([np.zeros_like(decision), decision], axis=1) if binary else decision
            output.predictions += recorder.records(chosen, logits.astype(np.float32), part)
    output.metrics = metric_rows(output.predictions, dataset, job.spec["vote"])
    output.images = len(rows.train)
    attempt.over(output.images)
    return output


def _statistics(images: Frames, rows: IntArray) -> Float64:
    """Return mean and standard deviation of each channel of `rows[n]`, [n, 6]."""
    return np.array([np.ravel(cv2.meanStdDev(images.image(row))) for row in rows])
