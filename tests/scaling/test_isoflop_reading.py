"""CSV files of anybody's runs: every column accounted for, every bad row named."""

import math
import shlex
from pathlib import Path

import numpy as np
import pytest

from aira_dsl.errors import InputError
from aira_dsl.scaling.isoflop.reader import read_runs

DATA = Path(__file__).parent / "data"
PLAIN = "params,tokens,loss\n1e7,1e9,3.5\n2e7,2e9,3.25\n"


def read(folder: Path, text: str | bytes, **options):
    path = folder / "runs.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_runs(path, **options)


def refusal(folder: Path, text: str | bytes, code: str, **options) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, text, **options)
    assert caught.value.code == code
    return f"{caught.value.message} / {caught.value.help}"


def test_published_files_are_read_without_options() -> None:
    expected = {
        "chinchilla_figure_4.csv": (245, 0, ["all runs"]),
        "epochai_chinchilla.csv": (123, 38, ["chinchilla"]),
        "ml_scalefit.csv": (124, 35, ["chinchilla"]),
        "llama_3.csv": (266, 35, ["llama_3/exp_loss", "llama_3/raw_loss"]),
    }
    for name, (rows, outliers, designs) in expected.items():
        found = read_runs(DATA / name)
        assert (found.rows, found.outliers) == (rows, outliers)
        assert [runs.design for runs in found.designs] == designs
        assert sum(map(len, found.designs)) == rows - outliers


def test_every_column_is_accounted_for() -> None:
    columns = read_runs(DATA / "chinchilla_figure_4.csv").columns
    assert columns.used == {"Model Size": "params", "Training FLOP": "flops", "loss": "loss"}
    assert columns.without_effect == ("x", "y", "color", "hex_color")
    assert columns.ignored == ()


def test_quantities_that_are_missing_follow_from_others_and_are_said(tmp_path) -> None:
    found = read(tmp_path, PLAIN)
    assert found.designs[0].flops_R == pytest.approx([6e16, 24e16])
    assert found.derived == ("flops = 6·params·tokens: the file has none",)
    found = read(tmp_path, "N,Training-FLOPs,val_loss\n1e7,6e16,3\n")
    assert found.designs[0].tokens_R == pytest.approx([1e9])
    assert found.derived == ("tokens = flops/(6·params): the file has none",)
    found = read(tmp_path, "n,d,budget,loss\n1e7,1e9,7e16,3\n")
    assert found.designs[0].flops_R == pytest.approx([7e16])
    found = read(tmp_path, "n,d,budget,flops,loss\n1e7,1e9,7e16,6.9e16,3\n")
    assert (found.designs[0].flops_R, found.designs[0].budget_R) == ([6.9e16], [7e16])
    assert found.derived == ()


def test_designs_are_named_by_all_their_columns(tmp_path) -> None:
    text = "model,condition,params,tokens,loss\na,x,1,1,1\na,,1,1,1\nb,x,1,1,1\na,x,2,1,1\n"
    found = read(tmp_path, text)
    assert [(runs.design, len(runs)) for runs in found.designs] == [
        ("a", 1),
        ("a/x", 2),
        ("b/x", 1),
    ]


def test_a_run_without_the_name_of_its_design_is_refused(tmp_path) -> None:
    text = "design,params,tokens,loss\na,1,1,1\n,2,1,1\n"
    said = refusal(tmp_path, text, "E1303")
    assert "line 3, column 'design': the value is missing" in said
    assert len(read(tmp_path, text, where=["design!="]).designs) == 1


@pytest.mark.parametrize("cell", ["", "nan", "-3.2", "1 000"])
def test_the_condition_that_leaves_out_a_bad_row_is_said(tmp_path, cell) -> None:
    text = PLAIN + f"3e7,3e9,{cell}\n"
    said = refusal(tmp_path, text, "E1303")
    condition = shlex.split(said[said.index("--where") :])[1]
    assert len(read(tmp_path, text, where=[condition]).designs[0]) == 2


def test_outliers_are_counted_and_not_looked_at(tmp_path) -> None:
    found = read(tmp_path, "params,tokens,loss,outlier\n1e7,1e9,3,no\n2e7,1e9,nan,TRUE\n")
    assert (found.outliers, len(found.designs[0])) == (1, 1)
    said = refusal(tmp_path, "params,tokens,loss,outlier\n1,1,1,maybe\n", "E1303")
    assert "line 2, column 'outlier': 'maybe' is not true or false" in said
    refusal(tmp_path, "params,tokens,loss,outlier\n1,1,1,true\n", "E1306")


def test_repeated_runs_are_counted(tmp_path) -> None:
    assert read(tmp_path, PLAIN + "1e7,1e9,3.5\n").duplicates == 1
    assert read_runs(DATA / "chinchilla_figure_4.csv").duplicates == 0


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "the value is missing"),
        ("0", "0 is not above zero"),
        ("-3.2", "-3.2 is not above zero"),
        ("nan", "'nan' is not a finite number"),
        ("inf", "'inf' is not a finite number"),
        ("1e999", "1e999 is not above zero and below"),
        ("1_0", "'1_0' is not a finite number"),
        ("three", "'three' is not a finite number"),
        ('"1,5"', "'1,5' is not a finite number"),
    ],
)
@pytest.mark.parametrize("place", range(3))
def test_a_bad_value_is_named_with_its_line_and_column(tmp_path, cell, reason, place) -> None:
    cells = ["1e7", "1e9", "3.1"]
    cells[place] = cell
    said = refusal(tmp_path, PLAIN + "\n" + ",".join(cells) + "\n", "E1303")
    column = ("params", "tokens", "loss")[place]
    assert f"line 5, column '{column}': {reason}" in said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PLAIN.replace("loss", "perplexity"), "the column 'perplexity' is not known"),
        ("params,tokens,loss,learning_rate\n1,1,1,1\n", "--ignore 'learning_rate'"),
        ("params,tokens,loss,LOSS\n1,1,1,1\n", "two columns have the name 'loss'"),
        ("params,size,tokens,loss\n1,1,1,1\n", "'params' and 'size' both hold params"),
        ("tokens,loss\n1,1\n", "no column holds params"),
        ("params,tokens\n1,1\n", "no column holds loss"),
        ("params,loss\n1,1\n", "no column holds tokens or flops"),
    ],
)
def test_columns_that_are_unknown_doubled_or_missing_are_refused(tmp_path, text, reason) -> None:
    assert reason in refusal(tmp_path, text, "E1302")


def test_a_column_is_ignored_on_request_only(tmp_path) -> None:
    text = "params,tokens,loss,Learning Rate\n1,1,1,1\n"
    assert read(tmp_path, text, ignore=["learning_rate"]).columns.ignored == ("Learning Rate",)
    assert "no column 'width'" in refusal(tmp_path, text, "E1302", ignore=["width"])
    refusal(tmp_path, PLAIN, "E1302", ignore=["loss"])


@pytest.mark.parametrize("column", ["dataset", "source"])
def test_runs_of_different_data_are_refused_unless_one_is_chosen(tmp_path, column) -> None:
    text = f"params,tokens,loss,{column}\n1,1,1,c4\n2,1,1,pile\n"
    said = refusal(tmp_path, text, "E1304")
    assert f"{column} is 'c4', 'pile'" in said
    assert f"--where {column}=VALUE" in said
    assert len(read(tmp_path, text, where=[f"{column}=pile"]).designs[0]) == 1


def test_conditions_compare_texts_and_numbers(tmp_path) -> None:
    def sizes(*where):
        return read(tmp_path, PLAIN + "3e7,3e9,3\n", where=where).designs[0].params_R.tolist()

    assert sizes("params>1e7") == [2e7, 3e7]
    assert sizes("tokens <= 2e9", "params>=2e7") == [2e7]
    assert sizes("loss!=3.5", "Loss < 3.2") == [3e7]
    for condition in ("width=3", "params", "params<many", "params>1e9"):
        assert "--where" in refusal(tmp_path, PLAIN, "E1306", where=[condition])
    assert "line 4" in refusal(tmp_path, PLAIN + "x,1,1\n", "E1303", where=["params>1"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("params,tokens,loss\n", "has a header and no runs"),
        (PLAIN + "1e7,1e9\n", "line 4 has 2 cells, the header 3"),
        (PLAIN + '"1e7,1e9,2\n', "line 4"),
        (b"params,tokens,loss\n\xff,1,1\n", "is not UTF-8 text"),
        (b"\x89PNG\0\0", "is not"),
        (b"\0\0", "zero bytes"),
        (PLAIN.encode("utf-16"), "save it as UTF-8"),
        ("params;tokens;loss\n1;1;1\n", "separates its cells by semicolons"),
        ("params;tokens;loss\n1,5;1;1\n", "separates its cells by semicolons"),
        ("params\ttokens\tloss\n1\t1\t1\n", "separates its cells by tabs"),
    ],
)
def test_files_that_are_not_tables_are_refused(tmp_path, text, reason) -> None:
    assert reason in refusal(tmp_path, text, "E1301")


def test_missing_files_and_folders_are_refused(tmp_path) -> None:
    for path, reason in ((tmp_path, "not a regular file"), (tmp_path / "no.csv", "not exist")):
        with pytest.raises(InputError, match=reason) as caught:
            read_runs(path)
        assert caught.value.code == "E1301"


def test_spreadsheets_write_a_mark_at_the_start_and_other_line_ends(tmp_path) -> None:
    found = read(tmp_path, b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode())
    assert found.designs[0].params_R == pytest.approx([1e7, 2e7])
    assert not any(map(math.isnan, np.concatenate([r.loss_R for r in found.designs])))
