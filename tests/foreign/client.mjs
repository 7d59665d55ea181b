// One logged-in device of one person, driven over standard input and output: `lines.mjs` says how.
import "./quiet.mjs";

import {
    ClientEvent,
    createClient,
    MatrixEventEvent,
    PendingEventOrdering,
    RoomEvent,
    RoomMemberEvent,
    RoomStateEvent,
    SyncState,
} from "matrix-js-sdk";
import { AllDevicesIsolationMode, CryptoEvent, OnlySignedDevicesIsolationMode } from "matrix-js-sdk/lib/crypto-api/index.js";
import { logger } from "matrix-js-sdk/lib/logger.js";

import { download, upload } from "./attachments.mjs";
import { push, says, serve } from "./lines.mjs";
import { describe, describeForeign } from "./sights.mjs";
import * as verifications from "./verifications.mjs";

const ENCRYPTION = { algorithm: "m.megolm.v1.aes-sha2" };
const MARK = "netzwart.foreign.mark";
const TIMELINE = 100; // events of a room in one sync; a longer gap would stay unseen
const MODES = { only_signed: () => new OnlySignedDevicesIsolationMode(), all: () => new AllDevicesIsolationMode(false) };

let client;
let pushed = Promise.resolve();

logger.setLevel("warn");
process.on("unhandledRejection", (error) => console.error("unhandled:", says(error)));

const crypto = () => client.getCrypto();

// Each event when it arrives, tried to be decrypted, and again when something about it changes: decrypted later, redacted.
function see(event) {
    if (event.status !== null) return; // an echo of our own, which the homeserver has not confirmed
    pushed = pushed.then(async () => push("seen", await describe(client, event))).catch((error) => console.error(says(error)));
}

function watch() {
    client.on(RoomEvent.Timeline, see);
    client.on(MatrixEventEvent.Decrypted, see);
    client.on(RoomEvent.Redaction, (event, room) => {
        const redacted = room.findEventById(event.getAssociatedId());
        if (redacted) see(redacted);
    });
    client.on(CryptoEvent.VerificationRequestReceived, verifications.track);
    client.on(ClientEvent.Sync, (state, _before, data) => {
        if (state === SyncState.Error) console.error("sync:", says(data?.error));
    });
}

// Resolves once `holds()` does, which is asked again whenever one of the client's `events` is emitted.
function until(holds, ...events) {
    return new Promise((resolve, reject) => {
        const check = async () => {
            if (!(await holds())) return;
            for (const name of events) client.off(name, look);
            resolve();
        };
        const look = () => void check().catch(reject);
        for (const name of events) client.on(name, look);
        look();
    });
}

// What was done over the API is there for the sdk only when its sync has brought it.
const untilJoined = (room) =>
    until(() => client.getRoom(room)?.getMyMembership() === "join", RoomEvent.MyMembership, ClientEvent.Room);
const untilEncrypted = (room) => until(() => client.getRoom(room)?.hasEncryptionStateEvent(), RoomStateEvent.Events);

// A member that this client does not know yet gets no key of its next message.
const untilMember = (room, user, membership) =>
    until(
        () => client.getRoom(room)?.getMember(user)?.membership === membership,
        RoomMemberEvent.Membership,
        RoomStateEvent.Members,
    );

async function uploadSigningKeys(password, makeRequest) {
    try {
        await makeRequest(null); // the first time no further proof is asked for
    } catch (error) {
        if (error.httpStatus !== 401 || !password) throw error;
        const identifier = { type: "m.id.user", user: client.getUserId() };
        await makeRequest({ type: "m.login.password", session: error.data.session, identifier, password });
    }
}

const commands = {
    async login({ url, user_id: userId, device_id: deviceId, access_token: accessToken }) {
        const pendingEventOrdering = PendingEventOrdering.Detached;
        client = createClient({ baseUrl: url, userId, deviceId, accessToken, logger, pendingEventOrdering });
        await client.initRustCrypto({ useIndexedDB: false });
        watch();
        return { version: crypto().getVersion(), keys: await crypto().getOwnDeviceKeys() };
    },

    // Returns when the first sync is done.
    async start() {
        const pendingEventOrdering = PendingEventOrdering.Detached;
        await client.startClient({ initialSyncLimit: TIMELINE, pendingEventOrdering });
        await until(() => [SyncState.Prepared, SyncState.Syncing].includes(client.getSyncState()), ClientEvent.Sync);
    },

    bootstrap: ({ password, anew }) =>
        crypto().bootstrapCrossSigning({
            setupNewCrossSigning: anew,
            authUploadDeviceSigningKeys: (makeRequest) => uploadSigningKeys(password, makeRequest),
        }),

    // The private cross-signing keys, from one device of a person to another of theirs; the latter then signs itself.
    export_secrets: () => crypto().exportSecretsBundle(),
    async import_secrets({ secrets }) {
        await crypto().importSecretsBundle(secrets);
        await crypto().crossSignDevice(client.getDeviceId());
    },

    set_isolation: ({ mode }) => crypto().setDeviceIsolationMode(MODES[mode]()),

    async create_room({ encrypted, ...options }) {
        const initial_state = encrypted ? [{ type: "m.room.encryption", state_key: "", content: ENCRYPTION }] : [];
        const { room_id: room } = await client.createRoom({ preset: "private_chat", ...options, initial_state });
        await untilJoined(room);
        if (encrypted) await untilEncrypted(room);
        return room;
    },
    async enable_encryption({ room }) {
        await client.sendStateEvent(room, "m.room.encryption", ENCRYPTION);
        await untilEncrypted(room);
    },
    async join({ room }) {
        const { roomId } = await client.joinRoom(room);
        await untilJoined(roomId);
        return roomId;
    },
    leave: ({ room }) => client.leave(room),
    invite: ({ room, user_id: user }) => client.invite(room, user),
    kick: ({ room, user_id: user }) => client.kick(room, user),
    until_member: ({ room, user_id: user, membership }) => untilMember(room, user, membership),
    until_encrypted: ({ room }) => untilEncrypted(room),

    send: async ({ room, type, content }) => (await client.sendEvent(room, null, type, content)).event_id,
    redact: async ({ room, event_id: event, reason }) => (await client.redactEvent(room, event, undefined, { reason })).event_id,
    upload: ({ bytes }) => upload(client, Buffer.from(bytes, "base64")),
    download: ({ file }) => download(client, file),

    // Reads back to the beginning of what the homeserver shows; the events are pushed, and returned in their order.
    async events({ room }) {
        const timeline = client.getRoom(room).getLiveTimeline();
        while (await client.paginateEventTimeline(timeline, { backwards: true, limit: TIMELINE }));
        return Promise.all(timeline.getEvents().map((event) => describe(client, event)));
    },
    decrypt: ({ raw }) => describeForeign(client, raw),
    async room_keys({ room }) {
        const keys = await crypto().exportRoomKeys();
        return keys.filter((key) => key.room_id === room).map((key) => key.session_id);
    },

    // Everything that was sent to this device before is processed when this returns: to-device messages keep their order.
    async caught_up() {
        const mark = client.makeTxnId();
        const arrived = new Promise((resolve) => {
            const look = (event) => {
                if (event.getType() !== MARK || event.getContent().mark !== mark) return;
                client.off(ClientEvent.ToDeviceEvent, look);
                resolve();
            };
            client.on(ClientEvent.ToDeviceEvent, look);
        });
        await client.sendToDevice(MARK, new Map([[client.getUserId(), new Map([[client.getDeviceId(), { mark }]])]]));
        await arrived;
    },

    async user_status({ user_id: user }) {
        const has_keys = await crypto().userHasCrossSigningKeys(user, true);
        const status = await crypto().getUserVerificationStatus(user);
        return {
            has_cross_signing_keys: has_keys,
            verified: status.isCrossSigningVerified(),
            was_verified: status.wasCrossSigningVerified(),
            needs_approval: status.needsUserApproval,
        };
    },
    // The signature goes to the homeserver and comes back: a verification is over some time before it counts.
    until_verified: ({ user_id: user }) =>
        until(
            async () => (await crypto().getUserVerificationStatus(user)).isCrossSigningVerified(),
            CryptoEvent.UserTrustStatusChanged,
        ),
    until_device: ({ user_id: user, device_id: device, signed }) =>
        until(
            async () => (await crypto().getDeviceVerificationStatus(user, device))?.signedByOwner === signed,
            CryptoEvent.DevicesUpdated,
            CryptoEvent.UserTrustStatusChanged,
        ),
    async device_status({ user_id: user, device_id: device }) {
        const status = await crypto().getDeviceVerificationStatus(user, device);
        return status && { signed_by_owner: status.signedByOwner, verified: status.isVerified() };
    },

    verify_in_room: async ({ user_id: user, room }) => verifications.track(await crypto().requestVerificationDM(user, room)),
    verify_device: async ({ user_id: user, device_id: device }) =>
        verifications.track(await crypto().requestDeviceVerification(user, device)),
    accept: verifications.accept,
    start_sas: verifications.startSas,
    confirm: verifications.confirm,
    mismatch: verifications.mismatch,
    cancel: verifications.cancel,
};

await serve(commands);
process.exit(0);
