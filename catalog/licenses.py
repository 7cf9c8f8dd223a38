"""The licence of a dataset, derived from the licences of its rows."""

import re
from collections.abc import Iterable

_LISTED = """
    afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0 bigscience-openrail-m bsd
    bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0
    cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0
    creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 gemma gfdl gpl gpl-2.0
    gpl-3.0 isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openrail
    openrail++ osl-3.0 pddl postgresql unlicense wtfpl zlib
"""

HUB_LICENSES = frozenset(_LISTED.split())
"""Identifiers that the Hub accepts (its documentation, "Licenses"); any other licence is `other` with a name."""

_SPDX_TO_HUB = {"odc-by-1.0": "odc-by", "odbl-1.0": "odbl", "pddl-1.0": "pddl"}


def license_metadata(licenses: Iterable[str]) -> dict[str, str]:
    """Gives the card's licence fields for a dataset whose rows carry these licences.

    One licence for all rows is named as the Hub names it. Several, or one that the Hub does not list, are `other`, and
    `license_name` spells them out. No rows: no field, since nothing is known.
    """
    distinct = sorted({text.strip() or "unknown" for text in licenses})
    if not distinct:
        return {}
    if len(distinct) == 1 and (known := hub_license(distinct[0])):
        return {"license": known}
    name = "-and-".join(re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-") or "unknown" for text in distinct)
    return {"license": "other", "license_name": name[:200]}


def hub_license(spdx: str) -> str | None:
    """Gives the Hub's identifier of an SPDX licence, or None where the Hub has none."""
    identifier = spdx.lower().removesuffix("-only")
    identifier = _SPDX_TO_HUB.get(identifier, identifier)
    return identifier if identifier in HUB_LICENSES else None
