"""V-usable information of labelled data, and the alarms about it."""

from curatekit.information.alarms import alarms
from curatekit.information.v_information import ClassInformation, VInformation, v_information

__all__ = ["ClassInformation", "VInformation", "alarms", "v_information"]
