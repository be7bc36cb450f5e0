"""Processes that share the tests do not make the same things over each other."""

from tests.distribution import slowest_first, together


def test_tests_of_a_module_and_of_a_dear_folder_stay_together() -> None:
    assert together("tests/core/test_jobs.py::test_a[x@y::z]") == "tests/core/test_jobs.py"
    assert together("tests/infra/aws/test_light.py::test_a") == "tests/infra/aws"
    assert together("tests/infra/aws/test_package.py::test_a[1]") == "tests/infra/aws"
    assert together("tests/infra/test_run.py::test_a") == "tests/infra/test_run.py"


def test_what_takes_longest_comes_first_and_the_rest_stays_in_order() -> None:
    found = ["tests/a.py::1", "tests/contract/b.py::1", "tests/infra/aws/c.py::1", "tests/a.py::2"]
    assert slowest_first(found) == [found[2], found[1], found[0], found[3]]
