"""Addresses of clusters, which are looked at before Ray is asked."""

from __future__ import annotations

import pytest
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.engine.connection import connect


@pytest.mark.parametrize("address", ["localhost:²", "localhost:", ":6379", "localhost:-1", "ray://localhost:6379"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(
        LabelQualityError, match=r"^Expected the address of a Ray cluster as host:port, such as 10.0.0.1:"
    ):
        connect(None, address)


@pytest.mark.parametrize("address", [".:6379", f"{'a' * 64}.example:6379", "localhost:99999"])
def test_where_no_machine_can_be_nothing_answers(address: str) -> None:
    with pytest.raises(
        LabelQualityError, match=r"^Expected a Ray cluster at .*, but nothing answers there .*ray start --"
    ):
        connect(None, address)
