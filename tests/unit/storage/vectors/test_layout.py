import json

import pytest

from ragkeeper.storage.vectors import layout
from ragkeeper.storage.vectors.errors import IndexMismatch, IndexUnreadable


def test_a_manifest_is_read_as_written(tmp_path):
    manifest = layout.Manifest.fresh(384, "auto")
    layout.write_manifest(tmp_path, manifest)
    assert layout.read_manifest(tmp_path) == manifest
    assert [one.name for one in tmp_path.iterdir()] == ["index.json"]


def test_no_manifest_is_no_index(tmp_path):
    assert layout.read_manifest(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 1, "surprise": 2}', "\x00\xff"])
def test_a_damaged_manifest_is_told_apart(tmp_path, content):
    (tmp_path / "index.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(IndexUnreadable, match="damaged"):
        layout.read_manifest(tmp_path)


def test_a_later_format_is_refused(tmp_path):
    (tmp_path / "index.json").write_text(json.dumps({"format": 99, "whatever": 1}))
    with pytest.raises(IndexMismatch, match="format 99"):
        layout.read_manifest(tmp_path)


def test_leftovers_go_and_the_current_shard_stays(tmp_path):
    manifest = layout.Manifest.fresh(384, "auto")
    for name in (manifest.shard, layout.new_shard_name(), "other"):
        (tmp_path / name).mkdir()
    layout.remove_leftovers(tmp_path, manifest)
    assert {one.name for one in tmp_path.iterdir()} == {manifest.shard, "other"}


def test_a_copy_takes_only_the_current_shard(tmp_path):
    manifest = layout.Manifest.fresh(384, "auto")
    root, target = tmp_path / "index", tmp_path / "deep" / "copy"
    for name in (manifest.shard, layout.new_shard_name()):
        (root / name).mkdir(parents=True)
        (root / name / "file").write_text(name)
    layout.copy_index(root, manifest, target)
    assert layout.read_manifest(target) == manifest
    assert {str(one.relative_to(target)) for one in target.rglob("*") if one.is_file()} == {
        "index.json",
        f"{manifest.shard}/file",
    }
    assert [one.name for one in target.parent.iterdir()] == ["copy"]
