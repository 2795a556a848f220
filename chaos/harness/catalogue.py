"""All faults, entered into the table by being imported."""

import faults_members  # noqa: F401
import faults_wire  # noqa: F401
import faults_workers  # noqa: F401
from faults import FAULTS, Fault

__all__ = ["FAULTS", "Fault"]
