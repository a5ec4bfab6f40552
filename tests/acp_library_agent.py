"""An agent made with the protocol's own library, which refuses what does not follow the schema. Run as a program."""

from __future__ import annotations

import asyncio
from typing import Any

import acp
from acp import schema


class Agent(acp.Agent):
    """Works through one turn that uses all that a client can do."""

    def on_connect(self, conn: Any) -> None:
        self.client = conn
        self.stopped = asyncio.Event()
        self.cwd = ""

    async def initialize(self, protocol_version: int, **_: Any) -> schema.InitializeResponse:
        return schema.InitializeResponse(
            protocol_version=protocol_version,
            agent_info=schema.Implementation(name="library", version="0.12"),
            agent_capabilities=schema.AgentCapabilities(load_session=True),
        )

    async def new_session(self, cwd: str, **_: Any) -> schema.NewSessionResponse:
        self.cwd = cwd
        modes = [schema.SessionMode(id="ask", name="Ask"), schema.SessionMode(id="code", name="Code")]
        state = schema.SessionModeState(current_mode_id="ask", available_modes=modes)
        return schema.NewSessionResponse(session_id="lib-1", modes=state)

    async def set_session_mode(self, session_id: str, mode_id: str, **_: Any) -> schema.SetSessionModeResponse:
        update = schema.CurrentModeUpdate(session_update="current_mode_update", current_mode_id=mode_id)
        await self.client.session_update(session_id, update)
        return schema.SetSessionModeResponse()

    async def cancel(self, session_id: str, **_: Any) -> None:
        self.stopped.set()

    async def _say(self, session: str, text: str) -> None:
        await self.client.session_update(session, acp.update_agent_message_text(text))

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> schema.PromptResponse:
        if prompt[0].text == "Wait":
            await self.stopped.wait()
            return schema.PromptResponse(stop_reason="cancelled")
        client, path = self.client, f"{self.cwd}/notes.txt"
        await client.session_update(session_id, acp.update_agent_thought_text("First the file."))
        await client.session_update(session_id, acp.update_plan([acp.plan_entry("Write", status="in_progress")]))
        call = acp.start_tool_call("t1", "Write notes", kind="edit", status="pending")
        await client.session_update(session_id, call)
        options = [
            schema.PermissionOption(option_id="yes", name="Allow", kind="allow_once"),
            schema.PermissionOption(option_id="no", name="Reject", kind="reject_once"),
        ]
        asked = await client.request_permission(
            session_id=session_id, tool_call=acp.update_tool_call("t1"), options=options
        )
        await self._say(session_id, f"{asked.outcome.outcome} ")
        await client.write_text_file(session_id=session_id, path=path, content="one\ntwo\n")
        read = await client.read_text_file(session_id=session_id, path=path, line=2, limit=1)
        diff = acp.tool_diff_content(path, "one\ntwo\n", None)
        await client.session_update(session_id, acp.update_tool_call("t1", status="completed", content=[diff]))
        await self._say(session_id, f"read {read.content} ")
        terminal = await client.create_terminal(session_id=session_id, command="wc", args=["-l", path])
        shown = acp.start_tool_call(
            "t2", "Count", kind="execute", content=[acp.tool_terminal_ref(terminal.terminal_id)]
        )
        await client.session_update(session_id, shown)
        ended = await client.wait_for_terminal_exit(session_id=session_id, terminal_id=terminal.terminal_id)
        output = await client.terminal_output(session_id=session_id, terminal_id=terminal.terminal_id)
        await client.release_terminal(session_id=session_id, terminal_id=terminal.terminal_id)
        await client.session_update(session_id, acp.update_tool_call("t2", status="completed"))
        await self._say(session_id, f"exit {ended.exit_code}: {output.output.split()[0]} ")
        try:
            await client.read_text_file(session_id=session_id, path="/etc/passwd")
        except acp.RequestError as error:
            await self._say(session_id, f"refused {error.code}")
        return schema.PromptResponse(stop_reason="end_turn")


if __name__ == "__main__":
    asyncio.run(acp.run_agent(Agent()))
