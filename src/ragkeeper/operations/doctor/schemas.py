"""An examination as JSON: the same names for good, so that scripts may rely on them."""

from typing import Any

from ragkeeper.core.checks import Finding
from ragkeeper.operations.doctor.models import Examination, Looked
from ragkeeper.operations.doctor.rules import branches, worst

PAGE = "docs/reference/findings.md"


def examination_view(examination: Examination) -> dict[str, Any]:
    return {
        "verdict": worst(one.state for one in examination.looked).value,
        "checked_at": examination.checked_at.isoformat(),
        "seconds": examination.seconds,
        "version": examination.version,
        "server": examination.server,
        "branches": {
            name: {"verdict": worst(one.state for one in checks).value, "checks": [_check(one) for one in checks]}
            for name, checks in branches(examination.looked).items()
        },
        "findings": [finding_view(finding) for finding in examination.findings],
    }


def _check(one: Looked) -> dict[str, Any]:
    return {
        "name": one.name,
        "state": one.state.value,
        "seconds": one.seconds,
        "reason": one.reason,
        "codes": [finding.code for finding in one.findings],
    }


def finding_view(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "consequence": finding.consequence,
        "evidence": dict(finding.evidence),
        "fix": finding.fix,
        "mends_itself": finding.mend is not None,
        "page": f"{PAGE}#{finding.code}",
    }
