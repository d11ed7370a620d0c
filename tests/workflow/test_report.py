"""The report, opened in a browser: every figure and the table of results are really shown."""

from __future__ import annotations

import html
import re
import shutil

import pytest
import yaml

FLAGS = (
    "--headless",
    # it opens nothing but the report, and in a container it may have to run as root
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1500,1000",
)


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory):
    """The report of a finished run."""
    clone = finished.copy(tmp_path_factory.mktemp("report") / "clone")
    assert clone.snakemake("--report", "report.html") == 0, clone.output
    return clone.path("report.html")


@pytest.fixture
def browser(tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = (
        shutil.which("chromium") or shutil.which("chromium-browser"),
        shutil.which("chromedriver"),
    )
    if not chromium or not driver:
        pytest.skip(
            "chromium and chromedriver are not both there (Debian: apt-get install chromium "
            "chromium-driver)"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(executable_path=driver)
    )
    started.implicitly_wait(20)
    yield started
    started.quit()


# the table of a category; the first page, which stays beside it, has tables of its own
MENU = "//table[contains(@class, 'table-auto')]"


class Page:
    """What a reader does with a report."""

    def __init__(self, browser, path):
        self.browser = browser
        browser.get(path.as_uri())
        self.home = browser.current_url

    def all(self, xpath: str) -> list:
        return self.browser.find_elements("xpath", xpath)

    def one(self, xpath: str):
        return self.browser.find_element("xpath", xpath)

    def open(self, category: str) -> list[list[str]]:
        """Click on a category of the menu; the rows of its table, without the buttons."""
        self.browser.get(self.home)
        self.one(f"//ul//a[span[text()='{category}']]").click()
        self.one(f"{MENU}//tbody/tr")
        return [
            [cell.text for cell in row.find_elements("xpath", "./td")[:-1]]
            for row in self.all(f"{MENU}//tbody/tr")
        ]

    def show(self, name: str) -> None:
        """Click on the eye of the first row that ``name`` stands in."""
        self.one(f"{MENU}//tbody/tr[td[1][contains(text(), '{name}')]]/td[last()]//a[1]").click()


@pytest.fixture
def page(browser, report):
    return Page(browser, report)


def test_every_figure_is_shown_above_its_caption(page, finished):
    """Each is clicked on; the browser must have decoded it (its own width is known then), and no
    two are the same picture. The caption is there without a further click."""
    drawn = {path.stem for path in finished.path("results/tiny/figures").iterdir()}
    assert drawn
    rows = page.open("Figures")
    assert {row[0] for row in rows} == drawn
    shown = {}
    for name in drawn:
        page.show(name)
        page.browser.switch_to.frame(page.one("//iframe"))
        image, caption = page.one("//figure/img"), page.one("//figure/figcaption")
        page.browser.execute_async_script(
            "const [image, done] = arguments; image.decode().then(done, done)", image
        )
        size = page.browser.execute_script(
            "return [arguments[0].naturalWidth, arguments[0].naturalHeight]", image
        )
        assert image.is_displayed() and min(size) > 30, (name, size)
        assert caption.is_displayed() and len(caption.text) > 80, name
        assert caption.location["y"] > image.location["y"] and image.get_attribute("alt")
        shown[name] = image.get_attribute("src")
        page.browser.switch_to.default_content()
    assert len(set(shown.values())) == len(drawn)


def test_the_table_of_results_is_shown(page, finished):
    """In a frame of its own, with a row for each method of the study."""
    from palimpsest.methods.registry import METHODS

    page.open("Tables")
    page.show("summary")
    page.browser.switch_to.frame(page.one("//iframe"))
    cells = {cell.text for cell in page.all("//td[1]")}
    methods = yaml.safe_load(finished.path("study.yaml").read_text())["methods"]
    assert {METHODS[name].label for name in methods} <= cells
    assert "accuracy" in {head.text for head in page.all("//th")}


def test_it_opens_with_the_findings_and_then_the_rules(page, finished):
    """The first page says what was found, as the summary does; below it, in the window's height, is
    the graph of this run's rules, and then the settings, but for the salt."""
    parts = page.one("//*[contains(@class, 'prose')]")
    findings = finished.path("results/tiny/tables/findings.html").read_text()
    first, *_ = re.findall("<li>(.*?)</li>", findings)
    shown = [one.text for one in page.all("//*[contains(@class, 'prose')]//li")]
    assert shown[0] == html.unescape(first) and page.one("//h2").text == "Study tiny"
    assert parts.location["y"] >= 0, "its top can be reached"
    graph = page.one("//*[contains(@class, 'prose')]//*[name()='svg']")
    boxes = [one.text for one in graph.find_elements("xpath", ".//*[name()='text']")]
    assert {"index", "train", "tabulate", "all"} <= set(boxes)
    assert graph.location["y"] > page.one("//li").location["y"] and graph.size["width"] > 300
    page.one("//details/summary").click()
    cells = [one.text for one in page.all("//details//td[1]")]
    assert {"seeds", "training.epochs", "model.max_length"} <= set(cells)
    salt = next(row for row in page.all("//details//tr[td]") if row.text.startswith("salt"))
    assert "kept back" in salt.text


def test_it_needs_no_network(page):
    """Nothing failed to load, and no address of the network is asked for."""
    page.open("Figures")
    assert not [entry for entry in page.browser.get_log("browser") if entry["level"] == "SEVERE"]
    asked = page.browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert not [name for name in asked if name.startswith("http")]


def test_no_page_shows_marks_of_plain_text(page):
    """Such as *stars* around words."""
    for category, name in (("Tables", "summary"), ("Certificates", "r1")):
        page.open(category)
        page.show(name)
        page.browser.switch_to.frame(page.one("//iframe"))
        assert not re.search(r"\*\w|\w\*|`|\*\*", page.one("//main").text), name
