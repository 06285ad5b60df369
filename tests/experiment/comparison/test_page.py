"""``report.html``: one file that needs nothing beside it, also in a browser."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from made_up_runs import write_run

from udaln.experiment.comparison.chart import quality_against_time
from udaln.experiment.comparison.command import report
from udaln.experiment.comparison.page import thumbnail
from udaln.experiment.comparison.run_folder import find_runs
from udaln.experiment.comparison.table import make_table

STAGES = [
    {"stage": "degradation", "seconds": 1.0, "psnr": ""},
    {"stage": "joint", "seconds": 2.0, "psnr": 40.0},
    {"stage": "refine", "seconds": 0.5, "psnr": "inf"},
]
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def page(tmp_path):
    for number, method in enumerate(("a", "<b> & 'c'", "d")):
        figures = None if method == "d" else {"psnr": 40.0 - number, "sam": 9.0 + number, "hqnr": 0.9}
        write_run(tmp_path / str(number), figures, rows=STAGES, picture=True, method__name=method)
    report([str(tmp_path)])
    return tmp_path / "report.html"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.loaded, self.wrong = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "br", "path", "use"):
            self.open.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href", "xlink:href", "data")]

    def handle_startendtag(self, tag, attrs):
        self.loaded += [value for name, value in attrs if name in ("src", "href", "xlink:href", "data")]

    def handle_endtag(self, tag):
        if tag not in ("path", "use"):
            if not self.open or self.open.pop() != tag:
                self.wrong.append(tag)


def test_the_page_needs_nothing_beside_it(page):
    tags = Tags()
    tags.feed(page.read_text(encoding="utf-8"))
    assert not tags.wrong and not tags.open
    assert {value.split("#")[0][:10] for value in tags.loaded} == {"", "data:image"}


def test_names_are_escaped(page):
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt; &amp; &#x27;c&#x27;" in text and "<b>" not in text


def test_the_page_has_figures_pictures_and_settings(page):
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/webp") == 3 and text.count("<svg") == 1
    assert 'class="number best" data-value="40.0">40.00' in text
    assert "3 runs, 2 finished" in text and '<tr class="incomplete">' in text
    assert "<td>dataset.name</td><td>muufl</td>" in text  # what all share
    assert '<td data-value="unfinished">unfinished</td>' in text


def test_time_counts_from_the_start_and_an_infinite_ratio_is_left_out(page, monkeypatch):
    drawn = []
    monkeypatch.setattr("matplotlib.axes.Axes.plot", lambda self, *data, **_: drawn.append(data))
    quality_against_time(make_table(find_runs([page.parent])))
    assert drawn == [((3.0,), (40.0,))] * 2  # the unfinished run has no stages.csv of its own figures


def test_without_figures_there_is_no_picture(tmp_path):
    write_run(tmp_path / "a", {"psnr": 40.0})
    assert quality_against_time(make_table(find_runs([tmp_path]))) == ""


def test_a_damaged_picture_is_left_out(tmp_path):
    (tmp_path / "overview.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    assert thumbnail(tmp_path / "overview.png", 100) is None


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_a_browser_sorts_the_table(page, tmp_path):
    script = "document.querySelectorAll('th button')[3].click();"  # SAM: 9, 10, none
    test_page = tmp_path / "sorted.html"
    text = page.read_text(encoding="utf-8")
    test_page.write_text(text.replace("</body>", f"<script>{script * 2}</script></body>"), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    shown = subprocess.run([*command, "--dump-dom", f"file://{test_page}"], capture_output=True, text=True, timeout=120)
    body = re.search(r"<tbody>(.*?)</tbody>", shown.stdout, re.DOTALL)[1]
    rows = re.findall(r"<tr[^>]*><td data-value=\"([^\"]*)\"", body)
    assert rows == ["&lt;b&gt; &amp; 'c'", "a", "d"]  # downwards, as 10 is more than 9, and what has none is last
