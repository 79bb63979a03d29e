// The gallery: a thumbnail of every picture, fetched when it comes into view.
const path = name => name.split("/").map(encodeURIComponent).join("/");
const said = document.getElementById("said");
try {
  const answer = await fetch("/pictures.json");
  if (!answer.ok) throw new Error(await answer.text());
  const pictures = await answer.json();
  said.textContent = pictures.length ? `${pictures.length} pictures` : "No .svae files here.";
  for (const picture of pictures) {
    const item = document.createElement("div");
    const words = document.createElement("small");
    if (picture.error) {
      words.textContent = picture.error;
      item.append(picture.name, document.createElement("br"), words);
    } else {
      const link = document.createElement("a"), image = document.createElement("img");
      link.href = `/view/${path(picture.name)}`;
      image.loading = "lazy";
      image.alt = "";
      image.src = `/thumbnails/${path(picture.name)}`;
      words.textContent = `${picture.width} × ${picture.height}, ${picture.bytes.toLocaleString()} bytes`;
      link.append(image, picture.name, document.createElement("br"), words);
      item.append(link);
    }
    document.getElementById("gallery").append(item);
  }
} catch (error) {
  said.textContent = `The list could not be loaded: ${error.message}`;
}
