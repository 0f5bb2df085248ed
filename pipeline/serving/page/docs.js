// Shows the OpenAPI document of this server; nothing comes from elsewhere.

const main = document.getElementById("paths");

function make(name, text, ...children) {
  const node = document.createElement(name);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

function values(schema) {
  if (schema.enum?.includes(true)) return "true, false";
  if (schema.enum) return schema.enum.join(", ");
  const span = [schema.minimum, schema.maximum].filter((end) => end !== undefined).join(" to ");
  return [schema.format === "binary" ? "file" : schema.type, span].filter(Boolean).join(", ");
}

function table(heads, rows) {
  const head = make("tr", "", ...heads.map((text) => make("th", text)));
  const body = rows.map((row) => make("tr", "", ...row.map((text) => make("td", String(text ?? "")))));
  const wide = make("div", "", make("table", "", make("thead", "", head), make("tbody", "", ...body)));
  wide.className = "wide";
  return wide;
}

// How the required fields are given to curl: of several sources the first.
function call(path, operation, form) {
  const place = new URL(path.slice(1), document.baseURI);
  const needed = form ? form.required ?? form.oneOf?.[0].required ?? Object.keys(form.properties) : [];
  const given = needed.map((name) =>
    form.properties[name].format === "binary" ? `-F ${name}=@photo.jpg` : `-F ${name}=...`);
  const asked = (operation.parameters ?? []).map(({ name }) => `-G --data-urlencode ${name}=...`);
  return ["curl", ...given, ...asked, place, "-o result"].join(" ");
}

function described(path, method, operation) {
  const parts = [make("h2", `${method.toUpperCase()} ${path}`), make("p", `${operation.summary}.`)];
  const form = operation.requestBody?.content["multipart/form-data"]?.schema;
  const fields = [
    ...Object.entries(form?.properties ?? {}),
    ...(operation.parameters ?? []).map(({ name, schema }) => [name, schema]),
  ];
  if (fields.length) {
    const rows = fields.map(([name, schema]) => [name, values(schema), schema.default, schema.description]);
    parts.push(make("pre", call(path, operation, form)));
    parts.push(table(["field", "values", "default", ""], rows));
  }
  const rows = Object.entries(operation.responses).map(([status, answer]) => [
    status, Object.keys(answer.content ?? {}).join(", "), answer.description,
  ]);
  parts.push(make("h3", "Answers"), table(["status", "type", ""], rows));
  return make("section", "", ...parts);
}

const answer = await fetch("openapi.json");
const api = await answer.json();
main.replaceChildren(make("p", api.info.description));
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    main.append(described(path, method, operation));
  }
}
