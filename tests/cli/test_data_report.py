"""What `segkit check --data` prints."""

from segkit.cli._data_report import finding_lines, report_lines
from segkit.data.survey import survey_dataset
from segkit.data.survey_findings import Finding, Place
from segkit.inspection.data_check import DataCheck
from tests.helpers.counted import Listed, mapped


def test_classes_without_segments_are_counted():
    train = Listed([mapped([0, 0, 0, -1])], names=("road", "car", "bus"))
    val = Listed([mapped([0, 1, 1, 1])], names=("road", "car", "bus"))
    datasets = {"data.train": train, "data.val": val}
    surveys = {split: survey_dataset(dataset) for split, dataset in datasets.items()}
    assert report_lines(DataCheck(datasets, surveys)) == [
        "data.train: 1 of 1 images: 1 of 3 classes, 1.0 segments per image (at most 1), 25 % void",
        "data.val: 1 of 1 images: 2 of 3 classes, 2.0 segments per image (at most 2), 0 % void",
        "class  data.train: segments  data.train: pixels  data.val: segments  data.val: pixels",
        "road   1                     75 %                1                   25 %",
        "car    0                     0 %                 1                   75 %",
        "and 1 class without segments",
    ]


def test_many_findings_are_cut():
    splits = ("data.train", "data.val")
    many = [Finding("error", split, f"problem {number}.") for split in splits for number in range(13)]
    lines = report_lines(DataCheck(findings=[*many, Finding("note", "data.val", "no segment.")]))
    assert lines[0] == "error: data.train: problem 0."
    assert lines[9:11] == ["error: data.train: problem 9.", "error: data.train: and 3 more"]
    assert lines[-3:] == ["error: data.val: problem 9.", "error: data.val: and 3 more", "note: data.val: no segment."]


def test_many_files_are_cut():
    places = tuple(Place("data.val", index, f"{index}.png") for index in range(12))
    lines = finding_lines(Finding("note", "data.val", "no segment.", places))
    assert lines[0] == "note: data.val: 12 images: no segment."
    assert lines[10:] == ["    9.png", "    and 2 more"]
    assert finding_lines(Finding("note", "data.val", "no segment.", places[:1])) == [
        "note: data.val: 0.png: no segment."
    ]
    assert finding_lines(Finding("error", "data.val", "broken", (Place("data.val", 0, ""),))) == [
        "error: data.val: broken"
    ]
