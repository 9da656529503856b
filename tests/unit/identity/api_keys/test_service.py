from ragkeeper.identity.api_keys.service import ApiKeyAuthenticator


async def test_only_the_key_opens() -> None:
    authenticator = ApiKeyAuthenticator("rk_secret")
    caller = await authenticator.caller("rk_secret")
    assert caller is not None
    assert caller.is_admin
    for wrong in ("", "rk_secre", "rk_secret ", "RK_SECRET", "é"):
        assert await authenticator.caller(wrong) is None
    assert "rk_secret" not in repr(vars(authenticator))
