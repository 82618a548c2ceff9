"""The on-disk format of results, stage states and plans: write, read, check; versioned.

A workspace is a folder; this package owns `results/`, `states/` and `plans/` in it. Nothing here
knows the database.
"""

from mpcs_bench.records.check import check_result
from mpcs_bench.records.plan import PlannedCell, PlanRecord, read_plans, write_plan
from mpcs_bench.records.read import (
    Manifest,
    Result,
    list_results,
    read_result,
    result_folders,
)
from mpcs_bench.records.seen import SeenResults, stamp_of
from mpcs_bench.records.spec import AXES, FORMAT, CellAxes, ResultSpec
from mpcs_bench.records.state import (
    StageState,
    read_state,
    read_states,
    state_keys,
    write_state,
)
from mpcs_bench.records.tables import (
    ResultTables,
    history_table,
    metrics_table,
    predictions_table,
)
from mpcs_bench.records.temporaries import sweep_temporaries
from mpcs_bench.records.write import write_result

__all__ = [
    "AXES",
    "FORMAT",
    "CellAxes",
    "Manifest",
    "PlanRecord",
    "PlannedCell",
    "Result",
    "ResultSpec",
    "ResultTables",
    "SeenResults",
    "StageState",
    "check_result",
    "history_table",
    "list_results",
    "metrics_table",
    "predictions_table",
    "read_plans",
    "read_result",
    "read_state",
    "read_states",
    "result_folders",
    "stamp_of",
    "state_keys",
    "sweep_temporaries",
    "write_plan",
    "write_result",
    "write_state",
]
