// Search works where a page is opened from the disk: browsers allow no Worker there, so a hidden frame does its work.
// MkDocs' plugin "offline" would load such a script from another site.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.frame = frame;
      addEventListener("message", this.answered);
      frame.contentDocument.write(`<script>
        postMessage = (data) => parent.postMessage(data, "*");
        importScripts = async (...urls) => {
          for (const url of urls) await new Promise((onload) => {
            document.body.append(Object.assign(document.createElement("script"), { src: url, onload }));
          });
        };
      <\/script><body><script src="${url}"><\/script>`);
      frame.contentDocument.close();
      this.ready = new Promise((resolve) => { frame.contentWindow.onload = resolve; });
    }
    answered = ({ source, data }) => {
      if (source !== this.frame.contentWindow) return;
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      this.onmessage?.(event);
    };
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) })));
    }
    terminate() {
      removeEventListener("message", this.answered);
      this.frame.remove();
    }
  };
}
