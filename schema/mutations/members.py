"""What owners do with the members of their workspace."""

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
        "Make a user of this installation a member of a workspace.",
        Permission.MEMBER_MANAGE,
        AddMemberInput,
        lambda services, viewer, given: services.members.add(viewer, given.target(), given.user_name, given.role, given.idempotency_key),
        payloads.member,
    )
    update_member: MemberResult = mutation(
        "Give a member another role. The last OWNER keeps theirs.",
        Permission.MEMBER_MANAGE,
        UpdateMemberInput,
        lambda services, viewer, given: services.members.update(viewer, given.target(), given.role, given.idempotency_key),
        payloads.member,
    )
    remove_member: RemoveMemberResult = mutation(
        "End a membership; what the user has open in the workspace ends at once. The last OWNER stays.",
        Permission.MEMBER_MANAGE,
        RemoveMemberInput,
        lambda services, viewer, given: services.members.remove(viewer, given.target(), given.idempotency_key),
        payloads.removed_member,
    )
