// Verifications of this device's person with somebody: each is known by its transaction id, and pushes what becomes of it.
import { VerificationPhase, VerificationRequestEvent, VerifierEvent } from "matrix-js-sdk/lib/crypto-api/verification.js";

import { push, says } from "./lines.mjs";

const SAS = "m.sas.v1";
const requests = new Map();
const verifiers = new WeakSet();

export function track(request) {
    const id = request.transactionId;
    if (requests.get(id) !== request) {
        requests.set(id, request);
        request.on(VerificationRequestEvent.Change, () => changed(request));
        changed(request);
    }
    return id;
}

export const accept = ({ verification }) => get(verification).accept();
export const cancel = ({ verification }) => get(verification).cancel();
export const confirm = ({ verification }) => shown(verification).confirm();
export const mismatch = ({ verification }) => shown(verification).mismatch();

// Begins with emoji, or joins in when the other side has begun.
export async function startSas({ verification }) {
    const request = get(verification);
    const verifier = request.verifier ?? (await request.startVerification(SAS));
    attend(verification, verifier);
    verifier.verify().catch((error) => push("verification", { verification, error: says(error) }));
}

function changed(request) {
    if (request.verifier) attend(request.transactionId, request.verifier);
    push("verification", {
        verification: request.transactionId,
        phase: VerificationPhase[request.phase].toLowerCase(),
        user_id: request.otherUserId,
        device_id: request.otherDeviceId ?? null,
        room_id: request.roomId ?? null,
        initiated_by_me: request.initiatedByMe,
        chosen: request.chosenMethod,
        code: request.cancellationCode,
        cancelled_by: request.cancellingUserId ?? null,
    });
}

function attend(verification, verifier) {
    if (verifiers.has(verifier)) return;
    verifiers.add(verifier);
    verifier.on(VerifierEvent.ShowSas, ({ sas }) => push("verification", { verification, emoji: sas.emoji ?? [] }));
}

function get(id) {
    const request = requests.get(id);
    if (!request) throw new Error(`no verification ${id}`);
    return request;
}

function shown(id) {
    const callbacks = get(id).verifier?.getShowSasCallbacks();
    if (!callbacks) throw new Error(`no emoji are shown in ${id}`);
    return callbacks;
}
