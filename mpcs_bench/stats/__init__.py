"""Statistics on plain arrays: tests, averages and corrections that know their own limits."""

from mpcs_bench.stats.bayesian import bayesian_correlated_t
from mpcs_bench.stats.bootstrap import (
    bootstrap_image_mean,
    bootstrap_patient_mean,
    bootstrap_ratio,
    bootstrap_stratified,
)
from mpcs_bench.stats.discordance import mcnemar, mcnemar_of_counts
from mpcs_bench.stats.effects import cliffs_delta, paired_effect
from mpcs_bench.stats.equivalence import (
    equivalence_to_published,
    gap_to_published,
    paired_equivalence,
)
from mpcs_bench.stats.friedman import friedman_nemenyi
from mpcs_bench.stats.multiplicity import holm
from mpcs_bench.stats.paired import EQUAL_WITHIN, corrected_resampled_t, naive_paired_t
from mpcs_bench.stats.permutation import patient_sign_flip, sign_flip
from mpcs_bench.stats.power import corrected_t_power, minimum_detectable_effect
from mpcs_bench.stats.proportions import proportion_intervals
from mpcs_bench.stats.ranks import wilcoxon_signed_rank
from mpcs_bench.stats.reach import smallest_attainable_p
from mpcs_bench.stats.records import (
    METHODS,
    TRAINED_MODELS,
    TRAINED_MODELS_IMAGES,
    ColumnMean,
    Dominance,
    FoldSummary,
    Friedman,
    Interval,
    NemenyiPair,
    PairedEffect,
    PairedT,
    PooledValue,
    Posterior,
    Power,
    SignedRank,
    SignFlip,
    Statistic,
)
from mpcs_bench.stats.records_items import BootstrapMean, McNemar, Proportion
from mpcs_bench.stats.records_published import Equivalence, Outcome, PublishedGap
from mpcs_bench.stats.summary import mean_of_columns, over_folds, pooled

__all__ = [
    "EQUAL_WITHIN",
    "METHODS",
    "TRAINED_MODELS",
    "TRAINED_MODELS_IMAGES",
    "BootstrapMean",
    "ColumnMean",
    "Dominance",
    "Equivalence",
    "FoldSummary",
    "Friedman",
    "Interval",
    "McNemar",
    "NemenyiPair",
    "Outcome",
    "PairedEffect",
    "PairedT",
    "PooledValue",
    "Posterior",
    "Power",
    "Proportion",
    "PublishedGap",
    "SignFlip",
    "SignedRank",
    "Statistic",
    "bayesian_correlated_t",
    "bootstrap_image_mean",
    "bootstrap_patient_mean",
    "bootstrap_ratio",
    "bootstrap_stratified",
    "cliffs_delta",
    "corrected_resampled_t",
    "corrected_t_power",
    "equivalence_to_published",
    "friedman_nemenyi",
    "gap_to_published",
    "holm",
    "mcnemar",
    "mcnemar_of_counts",
    "mean_of_columns",
    "minimum_detectable_effect",
    "naive_paired_t",
    "over_folds",
    "paired_effect",
    "paired_equivalence",
    "patient_sign_flip",
    "pooled",
    "proportion_intervals",
    "sign_flip",
    "smallest_attainable_p",
    "wilcoxon_signed_rank",
]
