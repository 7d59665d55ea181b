// Events as this client sees them: what a person would be shown, and the warning beside it.
import { EventShieldColour, EventShieldReason } from "matrix-js-sdk/lib/crypto-api/index.js";
import { MatrixEvent } from "matrix-js-sdk";

// `type` and `content` are the clear ones; an event that could not be decrypted keeps its wire type and has a `failure`.
// The sdk decrypts of itself only what it takes for important; a person looks at all of it.
export async function describe(client, event) {
    await client.decryptEventIfNeeded(event);
    const info = await client.getCrypto().getEncryptionInfoForEvent(event);
    const failed = event.isDecryptionFailure();
    return {
        room_id: event.getRoomId(),
        event_id: event.getId(),
        sender: event.getSender(),
        state_key: event.getStateKey() ?? null,
        sent: event.getTs(),
        type: failed ? event.getWireType() : event.getType(),
        content: failed ? {} : event.getOriginalContent(),
        wire_type: event.getWireType(),
        wire: event.getWireContent(),
        failure: event.decryptionFailureReason,
        shield: info && EventShieldColour[info.shieldColour].toLowerCase(),
        shield_reason: info?.shieldReason == null ? null : EventShieldReason[info.shieldReason],
        redacted: event.isRedacted(),
    };
}

// An event that this client did not get by itself, such as one that somebody else read after this one had left the room.
export const describeForeign = (client, raw) => describe(client, new MatrixEvent(raw));
