"""Lists, for which kernel and definition answer alike or refuse for the same faults."""

from conflicts.differential import assert_kernel_equals_definition
from conflicts.test_kernel import cases

SEEDS = tuple(cases.values())

check = assert_kernel_equals_definition
