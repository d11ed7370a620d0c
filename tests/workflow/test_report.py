"""The report, opened in a browser: every figure and the table of results are really shown."""

from __future__ import annotations

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
        self.one("//tbody/tr")
        return [
            [cell.text for cell in row.find_elements("xpath", "./td")[:-1]]
            for row in self.all("//tbody/tr")
        ]

    def show(self, name: str) -> None:
        """Click on the eye of the first row that ``name`` stands in."""
        self.one(f"//tbody/tr[td[1][contains(text(), '{name}')]]/td[last()]//a[1]").click()

    def caption(self, name: str) -> str:
        """Click on the second button of a row; what is then said about the file."""
        self.one(f"//tbody/tr[td[1][text()='{name}']]/td[last()]//a[2]").click()
        return self.one("//*[contains(@class, 'prose')]").text


@pytest.fixture
def page(browser, report):
    return Page(browser, report)


def test_every_figure_is_shown(page, finished):
    """Each is clicked on; the browser must have decoded it (its own width is known then), and no
    two are the same picture."""
    drawn = {path.stem for path in finished.path("results/tiny/figures").iterdir()}
    assert drawn
    rows = page.open("Figures")
    assert {row[0] for row in rows} == drawn
    shown = {}
    for name in drawn:
        page.show(name)
        image = page.one("//div[contains(@class, 'overflow-auto')]//img")
        page.browser.execute_async_script(
            "const [image, done] = arguments; image.decode().then(done, done)", image
        )
        size = page.browser.execute_script(
            "return [arguments[0].naturalWidth, arguments[0].naturalHeight]", image
        )
        assert image.is_displayed() and min(size) > 30, (name, size)
        shown[name] = image.get_attribute("src")
    assert len(set(shown.values())) == len(drawn)


def test_every_figure_has_a_caption(page):
    for name in [row[0] for row in page.open("Figures")]:
        page.open("Figures")
        assert len(page.caption(name)) > 80, name


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


def test_it_starts_with_the_workflow_and_needs_no_network(page, finished):
    """The first page says what was done; nothing failed to load, and no address of the network is
    asked for."""
    assert "tiny" in page.one("//*[contains(@class, 'prose')]").text
    page.open("Figures")
    assert not [entry for entry in page.browser.get_log("browser") if entry["level"] == "SEVERE"]
    asked = page.browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert not [name for name in asked if name.startswith("http")]
