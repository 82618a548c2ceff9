"""What a result came from: code, packages, machine, and the settings that numbers depend on."""

from mpcs_bench.environment.code import code_version
from mpcs_bench.environment.describe import describe
from mpcs_bench.environment.packages import installed

__all__ = ["code_version", "describe", "installed"]
