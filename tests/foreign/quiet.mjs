// Standard output belongs to the JSON lines; whatever the sdk has to say goes to standard error. Imported before the sdk.
import { Console } from "node:console";

globalThis.console = new Console(process.stderr, process.stderr);
console.debug = () => {}; // the crypto's own trace: thousands of lines a second
