"""The mutations of the members of a workspace."""

import strawberry

from resolvers import payloads
from schema.inputs.people import AddMemberInput, RemoveMemberInput, UpdateMemberInput
from schema.mutations.command import mutation
from schema.results import MemberResult, RemoveMemberResult
from services.domain.access import Permission


@strawberry.type
class MemberMutations:
    """Each is one command of `services.identity.members`."""

    add_member: MemberResult = mutation(
        "Adds a user of this server to a workspace.",
        Permission.MEMBER_MANAGE,
        AddMemberInput,
        lambda services: services.members.add,
        payloads.member,
    )
    update_member: MemberResult = mutation(
        "Changes the role of a member. The last OWNER of a workspace must stay an OWNER.",
        Permission.MEMBER_MANAGE,
        UpdateMemberInput,
        lambda services: services.members.update,
        payloads.member,
    )
    remove_member: RemoveMemberResult = mutation(
        "Removes a member from a workspace. Streams and sessions that the user has open there end at once. The last OWNER cannot be "
        "removed.",
        Permission.MEMBER_MANAGE,
        RemoveMemberInput,
        lambda services: services.members.remove,
        payloads.removed_member,
    )
