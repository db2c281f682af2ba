# SPDX-License-Identifier: MIT
"""What others do on the server, behind the mount of tests/model; the directory is touched afterwards."""

from editing_state import Registry
from registry_texts import State


class OthersOnServer:
    """A part of the model."""

    def behind_set(self, name, attribute, value):
        registry = self.registries[name]
        registry.state.change(attribute, value)

    def behind_create(self, name):
        self.former_names.drop(name)
        self.registries[name] = Registry(State(name))

    def behind_delete(self, name):
        self.vanish(name)

    def behind_rename(self, old, new):
        state = self.registries[old].base()
        self.vanish(old)
        state.name = new
        self.former_names.drop(new)
        self.registries[new] = Registry(state)
