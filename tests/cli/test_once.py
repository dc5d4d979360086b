"""An option that is given twice with different values ends the command."""

import pytest

from segkit.cli.main import main

QUICKSTART = "configs/quickstart.yaml"


@pytest.mark.parametrize(
    ("words", "option", "values"),
    [
        ("predict x y --output a --output b", "--output", "as a and as b"),
        ("predict x y --output a --batch-size 2 --batch-size=3", "--batch-size", "as 2 and as 3"),
        ("train x --device cpu --device cuda", "--device", "as cpu and as cuda"),
        ("analyze x --size 64 64 --size 32 32", "--size", "as [64, 64] and as [32, 32]"),
        ("test x --precision bf16 --prec fp32", "--precision", "as bf16 and as fp32"),
    ],
)
def test_two_values_of_an_option(words, option, values, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: argument {option}: given twice, {values}\n")


def test_one_value_twice_is_harmless():
    assert main(["describe", "loss", "dice", "--json", "--json"]) == 0
    assert main(["show", QUICKSTART, "--diff", QUICKSTART, "--diff", QUICKSTART]) == 0
