import pytest

from ragkeeper.cli.exit_codes import ExitCode, exit_code


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "query_empty", ExitCode.MISUSE),
        (404, "document_unknown", ExitCode.MISUSE),
        (409, "nothing_to_retry", ExitCode.MISUSE),
        (422, "request_invalid", ExitCode.MISUSE),
        (500, "setting_unknown", ExitCode.MISUSE),
        (401, "not_authenticated", ExitCode.COULD_NOT_RUN),
        (500, "internal_error", ExitCode.COULD_NOT_RUN),
        (503, "data_folder_in_use", ExitCode.COULD_NOT_RUN),
        (507, "disk_space_low", ExitCode.COULD_NOT_RUN),
    ],
)
def test_a_wrong_request_is_misuse_and_a_server_in_trouble_is_not(status, code, expected):
    assert exit_code(status, code) is expected
