// Encrypted attachments, as the specification has them (client-server API, "Sending encrypted attachments"): AES-CTR, SHA-256
// over what is stored. By WebCrypto alone, so that what is proved does not rest on code of ours.
const { subtle } = globalThis.crypto;
const ALGORITHM = "AES-CTR";
const COUNTER_BITS = 64;

export async function upload(client, bytes) {
    const iv = new Uint8Array(16);
    globalThis.crypto.getRandomValues(iv.subarray(0, 8)); // the lower half counts, from zero
    const key = await subtle.generateKey({ name: ALGORITHM, length: 256 }, true, ["encrypt", "decrypt"]);
    const stored = await subtle.encrypt(counting(iv), key, bytes);
    const { content_uri: url } = await client.uploadContent(new Blob([stored]), {
        type: "application/octet-stream",
        includeFilename: false,
    });
    return { v: "v2", url, key: await subtle.exportKey("jwk", key), iv: unpadded(iv), hashes: { sha256: await sha256(stored) } };
}

// Rejects when what is stored is not what the sender hashed.
export async function download(client, file) {
    const stored = await fetchMedia(client, file.url);
    const hash = await sha256(stored);
    if (hash !== file.hashes.sha256) throw new Error(`the hash is ${hash}, the event says ${file.hashes.sha256}`);
    const key = await subtle.importKey("jwk", file.key, { name: ALGORITHM }, false, ["decrypt"]);
    const clear = await subtle.decrypt(counting(Buffer.from(file.iv, "base64")), key, stored);
    return { stored_size: stored.byteLength, bytes: Buffer.from(clear).toString("base64") };
}

async function fetchMedia(client, mxc) {
    const url = client.mxcUrlToHttp(mxc, undefined, undefined, undefined, false, true, true);
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${client.getAccessToken()}` } });
    if (!answer.ok) throw new Error(`${answer.status} for ${url}`);
    return answer.arrayBuffer();
}

const counting = (iv) => ({ name: ALGORITHM, counter: iv, length: COUNTER_BITS });
const sha256 = async (bytes) => unpadded(await subtle.digest("SHA-256", bytes));
const unpadded = (bytes) => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
