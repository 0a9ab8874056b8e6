"""A worker to be killed: applies a template's module and says when the work on one object has begun."""

import json
import sys
from pathlib import Path

from platform_api.process.programs import Program
from platform_api.terraform.client import PlanMode, Watch
from platform_api.terraform.events import Event, EventKind
from platform_api.terraform.local import LocalTerraform
from platform_api.terraform.spec import RunSpec, Template
from platform_api.terraform.toolchain import Toolchain
from platform_api.terraform.zygote import Zygote


def main() -> None:
    request = json.loads(sys.argv[1])
    toolchain = Toolchain(
        program=Program(path=Path(request["program"]), version=(1, 10)),
        configuration=Path(request["configuration"]),
        digest="",
    )
    client = LocalTerraform(base=Path(request["base"]), toolchain=toolchain, zygote=Zygote(), minimum_free_bytes=0)
    template = Template(folder=Path(request["template"]), digest=request["digest"])

    def tell(event: Event) -> None:
        if event.kind is EventKind.APPLY_START and event.address == request["address"]:
            sys.stdout.write("begun\n")
            sys.stdout.flush()

    watch = Watch(deadline_seconds=60, on_event=tell)
    with client.prepare(RunSpec(run_id="run_1", template=template, variables={})) as run:
        run.apply(digest=run.plan(mode=PlanMode.NORMAL, watch=watch).digest, watch=watch)


if __name__ == "__main__":
    main()
