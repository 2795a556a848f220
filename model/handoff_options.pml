/* Part of handoff.pml: its sizes, its faults, and the rules that can be left out. */

/* ---- sizes ---- */
#ifndef CLIENTS
#define CLIENTS 3
#endif
#ifndef TRIES
#define TRIES 2 /* acquisitions of one client, fresh starts included */
#endif
#ifndef STARTS
#define STARTS (CLIENTS * TRIES) /* ... and of all */
#endif
#ifndef DELTA
#define DELTA 3 /* a whole lease */
#endif
#ifndef TERM
#define TERM 2 /* the lease of an heir that has not been heard of */
#endif
#ifndef LAG
#define LAG 2 /* a command is carried out so long after its NOW was fixed at the latest, or never */
#endif
#ifndef EVENTS
#define EVENTS 1 /* on their way at once */
#endif
#define QUEUE (CLIENTS + 2)

/* ---- what may go wrong: FAULTS in all, of the kinds that are 1. An event may be lost or late at any time. ---- */
#ifndef FAULTS
#define FAULTS 0
#endif
#ifndef SLOW
#define SLOW 0 /* a request and its answer take any time; other commands take none */
#endif
#ifndef STALLS
#define STALLS 0 /* a slow or late command waits on the server, with its NOW fixed */
#endif
#ifndef LATE
#define LATE 0 /* a command is carried out after its client has stopped waiting for it */
#endif
#ifndef LOSSES
#define LOSSES 0 /* a request or an answer is lost, or a client never sends what would end its acquisition */
#endif
#ifndef STEPDOWNS
#define STEPDOWNS 0 /* a primary loses what it did since the majority stopped following it */
#endif
#ifndef NAPS
#define NAPS 0 /* a client does nothing for a time, perhaps for ever (WAKING only: else nobody is ever in a hurry) */
#endif
#ifndef GIVEUPS
#define GIVEUPS 0 /* so often a client gives up an acquisition, which is no fault */
#endif

/* With WAKING, what is to be done is done in time, and the question is whether waiters sleep beside a free lock. */
#ifdef WAKING
#define PERIOD 1 /* a waiter sends a heartbeat at the latest so long after its last command */
#define LIFE 3 /* of a waiter's entry, after its last sign */
#define OUTAGE 1 /* a primary without a majority steps down after so long */
#ifndef PATIENCE
#define PATIENCE 4 /* so long may a lock be held by nobody and waited for */
#endif
#endif

/* ---- the rules that can be left out ---- */
#ifndef BREAK
#define BREAK NONE_OF_THEM
#endif
#define BROKEN(rule) (BREAK == rule)
#define NONE_OF_THEM 0
#define ANY_EVENT 1 /* an heir trusts an event for another of its acquisitions */
#define GIVEN_UP 2 /* ... or for one that it has given up */
#define FROM_RECEPTION 3 /* an heir counts its term from when it got the event */
#define WHOLE_LEASE 4 /* an heir that was not heard of counts on a whole lease */
#define ANCHOR_AT_ANSWER 5 /* an heir takes the time of the answer "queued" for that of its request */
#define ANNOUNCE_EARLY 6 /* heirs are told before a majority has their grant */
#define EARLY_ANSWERS 7 /* an answer counts before a majority has its write */
#define UNKNOWN_IS_HELD 8 /* a renewal without an answer counts */
#define LEASE_FROM_ANSWER 9 /* a lease counts from the answer, not from the request */
#define HELD_UNCHANGED 10 /* a command that finds itself holder answers so and renews nothing */
#define BACKWARDS 11 /* a stale NOW may move `until` back */
#define ENDS_EARLY 12 /* others end a lease before `until` */
#define NO_OWNER_CHECK 13 /* a release removes whoever holds */
#define SAME_TOKEN 14 /* a hand-off raises no token */
#define HEARTBEAT_APPENDS 15 /* a heartbeat without an entry makes one: tombstones are for requests */
#define NO_TOMBSTONE 16 /* an acquisition in doubt is cancelled without one */
#define RELEASED_IN_DOUBT 17 /* ... and released without one */
#define HALF_A_CANCEL 18 /* a cancel removes the waiter, but not the holder that it may be by now */
#define NO_HEARTBEAT 19 /* waiters rely on events */
#define HEARTBEAT_ADMITS_NOBODY 20
#define NEVER_ENDS 21 /* a holder that is not heard of stays */
#define NO_FRESH_START 22 /* a waiter without an entry waits on */
/* ... of observed expiry */
#define FROM_REQUEST 23 /* a waiter counts from when it asked, not from the answer that shows the holder's beat */
#define ANY_BEAT 24 /* a holder is expired without comparing its beat */
#define SAME_BEAT 25 /* a holder that is heard of keeps its beat */
#define NOW_ENDS 26 /* the server's clock ends a lease */
#define HEIR_BY_NOW 27 /* an heir counts from `since`, as if the server's clock had not jumped since it asked */
#define SHORT_WATCH 28 /* an heir that was heard of is watched for its first term only */
/* what must be possible, or the model shows nothing */
#define SEE_HEIR 30 /* an heir returns on an event alone, some time after it was admitted, and after a slow answer */
#define SEE_TOMBSTONE 31 /* a late request finds its tombstone */
#define SEE_ROLLBACK 32 /* a grant is lost with a primary */
#define SEE_STALE 33 /* a command with a stale NOW admits an heir */
#define SEE_EXPIRED 34 /* observed: a holder is expired */
#define SEE_SPARED 35 /* observed: ... or not, because it was heard of after the request was sent */
