// The two directions of the pipe: requests come in as JSON lines, answers and events go out as JSON lines.
import { createInterface } from "node:readline";

export const push = (event, data) => write({ event, ...data });

// Answers every request {id, do, …} with {id, ok} or {id, error}. They run side by side: a verification waits for a person
// while messages go on. Returns when the other end has closed the pipe.
export async function serve(commands) {
    for await (const line of createInterface({ input: process.stdin })) {
        const { id, do: name, ...given } = JSON.parse(line);
        answer(id, commands[name] ?? unknown(name), given);
    }
}

async function answer(id, command, given) {
    try {
        write({ id, ok: (await command(given)) ?? null });
    } catch (error) {
        write({ id, error: says(error) });
    }
}

const unknown = (name) => () => {
    throw new Error(`there is no ${name}`);
};

export const says = (error) => String(error?.stack && !error.message ? error.stack : (error?.message ?? error));

function write(line) {
    process.stdout.write(JSON.stringify(line) + "\n");
}
