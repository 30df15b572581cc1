"""ROS parameters from frozen dataclasses: declared, described, range-checked; unknown parameters are errors."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from robot_interface_ros.config import ConfigError, from_mapping, unknown_name
from robot_interface_ros.files.parameter_files import Given, misspelt, of_ros

T = TypeVar("T")


def from_parameters(node: Node, cls: type[T], given: Given | None = None) -> T:
    """Declare one read-only parameter per field of `cls`, and return an instance with the values of the overrides.

    `node` must be created with `automatically_declare_parameters_from_overrides=True`, so that undeclared overrides are
    visible. `given`: which overrides were for all nodes; an unknown one of these is ignored unless it is similar to a field.
    Raises ConfigError, one line, for unknown names and invalid values.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    given = given or Given()
    values = {}
    for name, parameter in node.get_parameters_by_prefix("").items():
        if of_ros(name):
            continue
        if name in fields:
            values[name] = parameter.value
        elif name in given.own or name not in given.for_all or misspelt(name, list(fields)):
            raise ConfigError(f"node {node.get_name()}: {unknown_name('parameter', name, fields)}")
        else:
            node.get_logger().info(f"parameter {name} was set for all nodes; this node does not have it")
            continue
        node.undeclare_parameter(name)
    config = from_mapping(cls, values, f"node {node.get_name()}")
    for name, field in fields.items():
        value = getattr(config, name)
        if value is None or isinstance(value, dict) or dataclasses.is_dataclass(value):
            continue
        # Ignore the override, which was read above: it may be a whole number for a float parameter.
        node.declare_parameter(name, _parameter_value(name, value), _descriptor(field), ignore_override=True)
    return config


def _parameter_value(name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        if not value:
            return Parameter(name, Parameter.Type.STRING_ARRAY, []).value
        return list(value)
    return value


def _descriptor(field: dataclasses.Field[Any]) -> ParameterDescriptor:
    meta = field.metadata
    text = meta.get("description", "")
    if meta.get("choices"):
        text += f" ({', '.join(meta['choices'])})"
    descriptor = ParameterDescriptor(description=text, read_only=True)
    low, high = meta.get("minimum"), meta.get("maximum")
    if low is not None or high is not None:
        if "float" in str(field.type):
            low, high = (low if low is not None else -1e300), (high if high is not None else 1e300)
            descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
        elif "int" in str(field.type):
            low, high = (low if low is not None else -(2**62)), (high if high is not None else 2**62)
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return descriptor
