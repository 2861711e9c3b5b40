"""Check that kernel and definition give the same answer or report the same faults."""

from conflicts.differential import assert_kernel_equals_definition
from conflicts.test_kernel import cases

SEEDS = tuple(cases.values())

check = assert_kernel_equals_definition
