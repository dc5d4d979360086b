"""Class lists in the forms of annotation tools, and lines that are no names."""

import re

import pytest

from segkit.data.class_lines import NotANameError, entries_of


def pairs(text):
    """The (name, id) of each class; the ids that a file does not give are those of the order."""
    return [(entry["name"], int(entry.get("id", number))) for number, entry in enumerate(entries_of(text))]


@pytest.mark.parametrize(
    "text",
    [
        "road\ncar\n",
        "road\r\ncar",
        "\n  road  \n\n car\n\n",
        "# my classes\nroad\n#\ncar\n## end\n",
        "Pixel Value, Class\n0, road\n1, car\n",
        "pixel_value,class_name\n1,car\n0,road\n",
        "id;name\n0;road\n1;car\n",
        "name,id\nroad,0\ncar,1\n",
        "Idx\tRatio\tName\n0\t0.5\troad\n1\t0.2\tcar\n",
        "# label:color_rgb:parts:actions\nroad:0,0,0::\ncar:128,0,0::\n",
        "road:::\ncar:128,0,0:wheel:drive,stop\n",
        "0 road\n1 car\n",
        "0: road\n1: car\n",
        "0\troad\n1\tcar\n",
        "0,road\n1,car\n",
        "0. road\n1. car\n",
        "0.road\n1.car\n",
        "0) road\n1) car\n",
        "0|road\n1|car\n",
        "road|0\ncar|1\n",
        "1 car\n0 road\n",
        "road: 0\ncar: 1\n",
        "road\t0\ncar\t1\n",
        "road=0\ncar=1\n",
        "__ignore__\nroad\ncar\n",
        '"id","name"\n"0","road"\n"1","car"\n',
    ],
)
def test_forms(text):
    assert sorted(pairs(text), key=lambda pair: pair[1]) == [("road", 0), ("car", 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 background\n", [("background", 0)]),
        ("7 road\n26 traffic light\n", [("road", 7), ("traffic light", 26)]),
        ("__ignore__\n_background_\nbox\n", [("_background_", 0), ("box", 1)]),
        ("_background_\nbox\n", [("_background_", 0), ("box", 1)]),
        ("wall, inside\nsky\n", [("wall, inside", 0), ("sky", 1)]),
        ("lane 1\nlane 2\n", [("lane 1", 0), ("lane 2", 1)]),
        ("car\n2 wheeler\nbus\n", [("car", 0), ("2 wheeler", 1), ("bus", 2)]),
        ("2 wheeler\n", [("2 wheeler", 0)]),
        ("2-wheeler\n4-wheeler\n", [("2-wheeler", 0), ("4-wheeler", 1)]),
        ("1.5 t truck\n3.5 t bus\n", [("1.5 t truck", 0), ("3.5 t bus", 1)]),
        (
            "ground-track-field\ndoor (open)\nroad/lane\n",
            [("ground-track-field", 0), ("door (open)", 1), ("road/lane", 2)],
        ),
        ("می\u200cخواهم\ncar\n", [("می\u200cخواهم", 0), ("car", 1)]),
        ("7up\n3d-printer\n", [("7up", 0), ("3d-printer", 1)]),
        ("vehicle: other\nvehicle: car\n", [("vehicle: other", 0), ("vehicle: car", 1)]),
        ("Straße\n汽车\nfeu d'arrêt\n", [("Straße", 0), ("汽车", 1), ("feu d'arrêt", 2)]),
    ],
)
def test_names_stay_whole(text, expected):
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("background,box\n", "line 1, 'background,box'", "it may list several. Write each on a line of its own"),
        ("background|box\n", "line 1, 'background|box'", "it may list several. Write each on a line of its own"),
        ("0 road\ncar\n", "line 1, '0 road'", "it begins with a number, but other lines do not"),
        ("names\nroad\ncar\n", "line 1, 'names'", "it looks like a heading. Remove it"),
        ("0\n1\n", "line 1, '0'", "it is a number"),
        ("road\n#car\n", "line 2, '#car'", "it looks like a comment. Begin a line of comment with '# '"),
        ("road # grey\n", "line 1, 'road # grey'", "it looks like a comment. Begin a line of comment with '# '"),
        ("road\t5\ncar\n", "line 1, 'road\t5'", "it holds a tab, ';', '=' or '|'"),
        ("classes=2\nnames=a.txt\n", "line 1, 'classes=2'", "it holds a tab, ';', '=' or '|'"),
        ("road 128, 64, 128\nsky 1, 2, 3\n", "line 1, 'road 128, 64'", "it holds a list of numbers"),
        *(
            (
                text,
                f"line 1, '{name}'",
                "it begins with several numbers, as of a color. Write a table with a heading such as 'r,g,b,name'",
            )
            for text, name in (
                ("0 0 0 bg\n128 0 0 car\n", "0 0 bg"),
                ("128 0 0 car\n", "128 0 0 car"),
                ('0 0 0 0 1 "bg"\n', '0 0 0 1 "bg"'),
            )
        ),
        *(
            (
                text,
                f"line 1, '{name}'",
                "it ends in several numbers, as of a color. Write a table with a heading such as 'id,name,r,g,b'",
            )
            for text, name in (
                ("0 bg 0 0 0 0\n1 car 128 0 0 255\n", "bg 0 0 0 0"),
                ("bg 0 0 0\ncar\n", "bg 0 0 0"),
                ("bg 0 0.5 1\n", "bg 0 0.5 1"),
            )
        ),
        (
            "0: road\ncar\n",
            "line 1, '0: road'",
            "it begins with a number, but other lines do not",
        ),
        ("0 road\n1 car\nsky\n", "line 1, '0 road'", "it begins with a number, but other lines do not"),
        ("road 0\ncar 1\n", "line 1, 'road 0'", "it may end in an id. Write 'name: id', or leave out the numbers"),
        (
            "names:\n- road\n",
            "line 1, 'names:'",
            "it looks like a part of JSON, YAML, XML or code",
        ),
        ("- road\n- car\n", "line 1, '- road'", "it looks like a part of JSON, YAML, XML or code"),
        ("<class>road</class>\n", "line 1, '<class>road</class>'", "it looks like a part of JSON, YAML, XML or code"),
        ("item {\n", "line 1, 'item {'", "it looks like a part of JSON, YAML, XML or code"),
        ("id,name\n0\n", "line 2, '0'", "it has 1 column, but the heading has 2"),
        ("id,name\n0,\n", "line 2, ''", "it is empty"),
        ("A\tB\nx\t1\n", "line 1, 'A\tB'", "it holds a tab, ';', '=' or '|'"),
        ("A\tB\n1\tx\n", "line 2, '1\tx'", "it begins with a number, but other lines do not"),
        ("background\n1 box\n", "line 2, '1 box'", "it begins with a number, but other lines do not"),
        ("background\n1. box\n", "line 2, '1. box'", "it begins with a number, but other lines do not"),
        ("car\n0 road\n", "line 2, '0 road'", "it begins with a number, but other lines do not"),
        ("-1 void\nroad\n", "line 1, '-1 void'", "it begins with a number, but other lines do not"),
        ("road\n0x01 car\n", "line 2, '0x01 car'", "it begins with a number, but other lines do not"),
        ("road\ncar: 1\n", "line 2, 'car: 1'", "it ends in a number, but other lines do not"),
        *(
            (text, f"line 1, '{line}'", "it may begin with an id. Write 'id: name', or leave out the numbers")
            for text, line in (
                ("0x00 road\n0x01 car\n", "0x00 road"),
                ("1e0 road\n2e0 car\n", "1e0 road"),
                ("1_road\n2_car\n", "1_road"),
            )
        ),
        (
            "road (0)\ncar (1)\n",
            "line 1, 'road (0)'",
            "it may end in an id. Write 'name: id', or leave out the numbers",
        ),
        *(
            (text, f"line 1, '{line}'", "it looks like a value with its key. Write names alone, or 'id: name'")
            for text, line in (
                ("id: 0 name: road\nid: 1 name: car\n", "id: 0 name: road"),
                ("index: 0 title: road\nindex: 1 title: car\n", "index: 0 title: road"),
                ("name: road\nname: car\n", "name: road"),
                ("class_0: road\nclass_1: car\n", "class_0: road"),
                ("nc: 2\ntrain: images\n", "nc: 2"),
            )
        ),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 123\n",
            "line 1, 'version https://git-lfs.github.com/spec/v1'",
            "the file is a pointer of Git LFS. Fetch its content with 'git lfs pull'",
        ),
        ("road\ncar\n---\n", "line 3, '---'", "it holds no letter"),
        (
            "road#000000\ncar#ff0000\n",
            "line 1, 'road#000000'",
            "it ends in a color. Write a table with a heading such as 'name,r,g,b'",
        ),
        ("[classes]\nroad\n", "line 1, '[classes]'", "it looks like a part of JSON, YAML, XML or code"),
        ("car -> vehicle\n", "line 1, 'car -> vehicle'", "it looks like a part of JSON, YAML, XML or code"),
        ("ro\u200bad\n", "line 1, 'ro\u200bad'", "it holds characters that cannot be printed"),
        ("road\u200c\n", "line 1, 'road\u200c'", "it holds characters that cannot be printed"),
        (
            "road\n__ignore__\n",
            "line 2, '__ignore__'",
            "it is a mark of labelme, and only '__ignore__' in the first line is known",
        ),
        ("ro\x07ad\n", "line 1, 'ro\x07ad'", "it holds characters that cannot be printed"),
        ("a" * 201, f"line 1, '{'a' * 60}'", "it has more than 200 characters"),
    ],
)
def test_lines_that_are_no_names(text, line, reason):
    with pytest.raises(NotANameError, match=f"^{re.escape(f'{line}, is no class name: {reason}.')}$"):
        entries_of(text)


def test_a_name_with_a_colon_in_cvats_label_map():
    text = "# label:color_rgb:parts:actions\nroad:128,64,128::\nlane: left:1,2,3::\n"
    assert [entry["name"] for entry in entries_of(text)] == ["road", "lane: left"]
