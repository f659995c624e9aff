// Loaded before kinesis-mock, which would listen on every interface: whatever listens in this
// process listens on 127.0.0.1.
const net = require("net");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...parameters) {
  const [target] = parameters;
  if (target !== null && typeof target === "object") {
    parameters[0] = { ...target, host: "127.0.0.1" };
  } else if (typeof parameters[1] === "string") {
    parameters[1] = "127.0.0.1";
  } else {
    parameters.splice(1, 0, "127.0.0.1");
  }
  return listen.apply(this, parameters);
};
