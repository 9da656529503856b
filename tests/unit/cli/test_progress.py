from ragkeeper.cli.progress import progress_bar


def test_nothing_is_drawn_without_a_terminal(capsys):
    with progress_bar() as bar:
        task = bar.add_task("Sending", total=2)
        bar.advance(task)
    assert capsys.readouterr() == ("", "")
    assert bar.tasks[0].completed == 1
