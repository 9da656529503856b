from ragkeeper.cli.errors import CommandFailed, FileChanged, problem_of


def test_a_problem_with_missing_parts_is_still_told():
    error = CommandFailed({})
    assert (error.code, error.status, error.advice) == ("http_error", 500, "")
    assert "error" in error.message
    assert str(CommandFailed({"title": "T"})) == "T"


def test_our_errors_look_like_the_http_apis():
    shown = problem_of(FileChanged())
    assert (shown["code"], shown["status"]) == ("file_changed", 409)
    assert shown["title"] == shown["detail"]
    assert shown["fix"]
