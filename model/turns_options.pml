/* Part of turns.pml: its sizes, its faults, and the rules that can be left out. */

/* ---- sizes ---- */
#ifndef CLIENTS
#define CLIENTS 2
#endif
#ifndef CALLS
#define CALLS 2 /* of each client */
#endif
#ifndef TRIES
#define TRIES (CALLS + FAULTS) /* acquisitions of one client, fresh starts included */
#endif
#define IDS (CLIENTS * TRIES)
#ifndef QUEUE
#define QUEUE (CLIENTS + 2) /* 4 or 5 */
#endif

/* ---- what may go wrong: FAULTS in all, of the kinds that are 1 ---- */
#ifndef FAULTS
#define FAULTS 0
#endif
#ifndef LATE
#define LATE 0 /* a command is carried out after its client has stopped waiting for it */
#endif
#ifndef LOSSES
#define LOSSES 0 /* a request or an answer is lost */
#endif
#ifndef EXPIRIES
#define EXPIRIES 0 /* the entry of a waiter ends, or the lease of a holder */
#endif
#ifndef DEATHS
#define DEATHS 0 /* of a client */
#endif
#ifndef REFUSALS
#define REFUSALS 0 /* the entry would make the document too large */
#endif
#ifndef STEPDOWNS
#define STEPDOWNS 0 /* a primary loses what it did since the majority stopped following it */
#endif
#ifndef GIVEUPS
#define GIVEUPS 0 /* so often a call gives up, which is no fault */
#endif
#ifndef APART
#define APART 0 /* the next call may want something else: then nothing is passed or inherited */
#endif
#ifndef EARLY_ONES
#define EARLY_ONES 0 /* a release that nobody waits for may return when the primary has it */
#endif

/* ---- the rules that can be left out ---- */
#ifndef BREAK
#define BREAK NONE_OF_THEM
#endif
#define BROKEN(rule) (BREAK == rule)
#define NONE_OF_THEM 0
#define LAST_FIRST 1 /* the turn goes to the last that waits */
#define TO_THE_FRONT 2 /* a pass enqueues the next one before those of other clients */
#define LOCAL_PASS 3 /* a lease is passed on inside the client, without a command */
#define AFTER_ANSWER 4 /* the next one enqueues when the release is answered */
#define NOT_AFTER_LOSS 5 /* nobody enqueues when a lease is lost */
#define NOT_AFTER_FAILURE 6 /* ... or when the call that asks fails */
#define NOTHING_TO_RELEASE 7 /* a pass enqueues nobody if there is nothing to release */
#define RELEASE_NOT_REPEATED 8 /* after a pass without an answer */
#define ENQUEUE_NOT_REPEATED 9
#define PASS_UNDOUBTED 10 /* a pass without an answer leaves no doubt of the next one */
#define REFUSED_RELEASES 11 /* a pass that is refused counts as a release */
#define SAME_ID 12 /* the next one goes on with the id of the one before */
#define LIVES_ON 13 /* a lease counts until its release is answered */
#define LOCAL_GRANT 14 /* the answer to a pass counts as a grant, whatever it says */
#define PASSED_EARLY 15 /* ... before a majority has it */
#define ANY_NOTICE 16 /* a grant notice counts for another acquisition of the client */
#define HEIR_UNDOUBTED 17 /* who inherits a place does not inherit its doubts */
#define NOT_GIVEN_UP 18 /* a place that nobody inherits is left as it is */
#define ANY_HOLDER 19 /* a pass releases whoever holds */
/* ... of early releases */
#define FORGOTTEN 20 /* an early release is not remembered */
#define OLD_VIEW 21 /* a view that is older than the acquisition confirms it */
#define EARLY_IN_DOUBT 22 /* also after a doubtful acquisition */
/* what must be possible, or the model shows nothing */
#define SEE_PASSED 30 /* the answer to a pass is the grant */
#define SEE_TURN 31 /* the answer to a pass says that another client's turn is before */
#define SEE_INHERITED 32 /* a call holds by a place that it has inherited in doubt */
#define SEE_LATE_PASS 33 /* a late pass finds a tombstone */
#define SEE_TAKEN_BACK 34 /* an early release is taken back, and the lock released again */
