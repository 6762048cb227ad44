import contextlib

# The documentation takes its gallery from these folders, without pytest.
with contextlib.suppress(ImportError):
    import pytest

    pytest.register_assert_rewrite("tests.support")
