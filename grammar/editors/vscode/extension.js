// Starts `aira-dsl lsp` and connects it to .arch files; everything else is in the server.
const { workspace } = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

async function activate(context) {
  const [command, ...args] = workspace.getConfiguration("aira-dsl").get("command");
  const watcher = workspace.createFileSystemWatcher("**/*.arch");
  context.subscriptions.push(watcher);
  client = new LanguageClient(
    "aira-dsl",
    "aira-dsl",
    { command, args, transport: TransportKind.stdio },
    {
      documentSelector: [{ language: "arch" }],
      synchronize: { fileEvents: watcher },
    },
  );
  await client.start();
}

async function deactivate() {
  await client?.stop();
}

module.exports = { activate, deactivate };
