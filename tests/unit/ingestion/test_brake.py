from ragkeeper.ingestion.brake import DiskBrake
from ragkeeper.storage.files.store import Space


class Disk:
    def __init__(self, free_mb: int | None) -> None:
        self.free_mb = free_mb
        self.asked = 0
        self.now = 0.0
        self.brake = DiskBrake(self.space, lambda: self.now)

    def space(self) -> Space:
        self.asked += 1
        return Space(self.free_mb, 500)


def test_with_room_nothing_is_held() -> None:
    disk = Disk(500)
    assert (disk.brake.on_reading(), disk.brake.on_embedding()) == ("", "")


def test_a_disk_that_does_not_say_what_is_free_holds_nothing() -> None:
    disk = Disk(None)
    assert (disk.brake.on_reading(), disk.brake.on_embedding()) == ("", "")


def test_reading_stops_first_and_says_when_it_goes_on() -> None:
    disk = Disk(499)
    assert disk.brake.on_reading() == "The disk is nearly full: 499 MB are free, and it goes on when there are 500 MB."
    assert disk.brake.on_embedding() == ""


def test_embedding_stops_before_the_reserve_is_gone() -> None:
    assert "250 MB" in Disk(249).brake.on_embedding()


def test_the_disk_is_asked_once_a_second_and_room_is_noticed() -> None:
    disk = Disk(1)
    for _ in range(100):
        disk.brake.on_reading()
    assert disk.asked == 1
    disk.free_mb, disk.now = 900, 1.5
    assert disk.brake.on_reading() == ""
