# The first page of Snakemake's report. workflow/report/workflow.rst asks for its parts when a
# report is made; no job makes it. No rule is defined here.


def found_in(categories):
    """What was found, by the studies whose tables are in the report, and the graph of its rules."""
    from palimpsest.plots.rulegraph import draw
    from palimpsest.report import first_page

    pages = [page for parts in categories.values() for some in parts.values() for page in some]
    told = {
        page.raw_wildcards.study: Path(page.path).with_name(Path(paths.FINDINGS).name)
        for page in pages
        if Path(page.path).name == Path(paths.SUMMARY_PAGE).name
    }
    findings = {name: path.read_text(encoding="utf-8") for name, path in told.items()}
    stages = {one.name: Path(one.snakefile).stem for one in workflow.rules}
    graph = draw(rules_of(pages[0].job.dag), stages)
    names = [category.name for category in categories]
    return f"{first_page.found(findings, names)}\n{first_page.drawn(graph)}"


def rules_of(dag):
    """Rule -> the rules that use what it makes."""
    graph = {name: set() for name in sorted({job.rule.name for job in dag.jobs})}
    for job in dag.jobs:
        for source in dag.dependencies[job]:
            graph[source.rule.name].add(job.rule.name)
    return graph


def settings_told():
    from palimpsest.report import first_page
    from palimpsest.study.told import settings as told

    return first_page.settings({study.name: told(study.config) for study in STUDIES})
