"""Contract tests of proposers.

    class TestMyProposer(ProposerContract):
        def make(self) -> Proposer:
            return MyProposer()

in a test file runs all of them with pytest.
"""

import threading

from aira_dsl.agents.models import Message, Proposer, Reply, Request

STOPS = {"end", "length", "refusal"}


class ProposerContract:
    """What every proposer must do.

    Attributes:
        request: a request that it can answer.
    """

    request = Request(
        system="Choose the order of layers.", messages=(Message("user", "Propose one."),)
    )

    def make(self) -> Proposer:
        """Return a new proposer that was not opened."""
        raise NotImplementedError

    def test_it_describes_itself(self) -> None:
        """Names, limits and who charges for it are there before it is opened."""
        proposer = self.make()
        assert all((proposer.name, proposer.model, proposer.service))
        billing = proposer.billing
        assert billing is None or all((billing.provider, billing.model))
        assert proposer.memory > 0
        assert proposer.max_output >= 0

    def test_a_reply_is_a_text_with_its_usage(self) -> None:
        """Text, model and reason of the end are there; token counts are not negative."""
        reply = self._answers(self.request)[0]
        assert isinstance(reply.text, str)
        assert reply.model
        assert reply.stop in STOPS
        if reply.usage is not None:
            assert min(reply.usage.model_dump().values()) >= 0

    def test_several_threads_may_ask_at_once(self) -> None:
        """Calls of several threads all get an answer."""
        assert len(self._answers(*[self.request] * 4)) == 4

    def test_a_second_close_does_nothing(self) -> None:
        """A second `close` does nothing."""
        proposer = self.make()
        proposer.open()
        proposer.close()
        proposer.close()

    def _answers(self, *requests: Request) -> list[Reply]:
        """Ask at the same time; an error of a thread leaves its reply out."""
        proposer, replies = self.make(), list[Reply]()
        proposer.open()
        threads = [
            threading.Thread(target=lambda asked=asked: replies.append(proposer.ask(asked)))
            for asked in requests
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        proposer.close()
        return replies
