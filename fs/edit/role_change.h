/* SPDX-License-Identifier: MIT */
/* What becomes of a member's role on the server, as part of a save (save.h). The first two block: a
 * worker, no lock held; the others need nodes->lock. */
#ifndef FS_ROLE_CHANGE_H
#define FS_ROLE_CHANGE_H

#include "change.h"

/* The member as the server has it now; one who is yet to be added has an empty role. */
int role_change_read(struct change *change, struct call *call, struct registry_member **now);
int role_change_send(struct change *change, struct call *call, const struct registry_member *now,
                     struct text role);

/* Whether the file is that of somebody who is yet to be added: it has no text. */
bool role_is_pending(const struct node *node);
/* Makes such a file; NULL: no memory. */
struct node *role_begin(struct filesystem *fs, struct place roster, const char *name,
                        const struct registry_member *nobody);
/* Takes it away when nobody writes it any more and nobody was added. */
void role_change_give_up(struct filesystem *fs, struct place place);

/* The member is none any more, or one whom nothing was known of: listings from before do not tell.
 */
void role_outdate(struct node *roster);

#endif
