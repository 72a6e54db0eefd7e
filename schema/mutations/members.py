"""What owners do with the members of their workspace."""

import strawberry

from resolvers import mutations, payloads
from schema.fields import Info, field
from schema.inputs.people import AddMemberInput, RemoveMemberInput, UpdateMemberInput
from schema.mutations.argument import Given
from schema.results import MemberResult, RemoveMemberResult
from services.access import Permission


@strawberry.type
class MemberMutations:
    """Each is one command of `services.members`."""

    @field("Make a user of this installation a member of a workspace.", Permission.MEMBER_MANAGE)
    async def add_member(self, info: Info, given: Given[AddMemberInput]) -> MemberResult:
        context = info.context
        return await mutations.answer(
            context,
            lambda: context.services.members.add(context.viewer, given.target(), given.user_name, given.role, given.idempotency_key),
            payloads.member,
        )

    @field("Give a member another role. The last OWNER keeps theirs.", Permission.MEMBER_MANAGE)
    async def update_member(self, info: Info, given: Given[UpdateMemberInput]) -> MemberResult:
        context = info.context
        return await mutations.answer(
            context,
            lambda: context.services.members.update(context.viewer, given.target(), given.role, given.idempotency_key),
            payloads.member,
        )

    @field("End a membership; what the user has open in the workspace ends at once. The last OWNER stays.", Permission.MEMBER_MANAGE)
    async def remove_member(self, info: Info, given: Given[RemoveMemberInput]) -> RemoveMemberResult:
        context = info.context
        return await mutations.answer(
            context,
            lambda: context.services.members.remove(context.viewer, given.target(), given.idempotency_key),
            payloads.removed_member,
        )
